# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tiny GPT writes Shakespeare, letter by letter
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/04_tiny_gpt.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/04_tiny_gpt.ipynb)
#
# **At the end you will have** trained a transformer of two blocks that writes something with the rhythm of a
# play; looked at what its heads look at; and made it write several times faster without changing a letter.
#
# The text, 150,000 characters, comes with the package. If `TINYTORCH_DATA` names a folder with the whole of
# Tiny Shakespeare, that is used.

# %% tags=["setup"]
# Installs tinytorch where it is missing, as on Colab; elsewhere this does nothing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinytorch") is None:
    source = "tinytorch[notebooks] @ git+https://github.com/OWNER/tinytorch"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

from tinytorch import GPT, AdamW, CharTokenizer, CrossEntropyLoss, DataLoader, Tensor
from tinytorch.bench import precise_timer
from tinytorch.core.autograd import no_grad
from tinytorch.datasets import ShakespeareExcerpt, TinyShakespeare, TokenWindows
from tinytorch.exercises import check
from tinytorch.nn.functional import softmax
from tinytorch.optim import CosineSchedule, WarmupSchedule, clip_grad_norm
from tinytorch.perf.memoization import disable_kv_cache, enable_kv_cache

try:
    text = TinyShakespeare()
except FileNotFoundError:
    text = ShakespeareExcerpt()
print(f"{len(text.text):,} characters, {len(text.vocabulary)} different ones\n")
print(text.text[:180])

# %% [markdown]
# ## Letters to numbers
#
# The simplest tokenizer gives every character a number. The task: given the characters so far, which comes
# next? Every position of the text is an exercise with a known answer.

# %%
tokenizer = CharTokenizer()
tokenizer.build_vocab([text.text])
VOCABULARY = tokenizer.vocab_size
CONTEXT = 64

train = TokenWindows(tokenizer.encode(text.get_train_data()), CONTEXT, step=CONTEXT // 2)
held_out = TokenWindows(tokenizer.encode(text.get_test_data()), CONTEXT)
inputs, targets = train[0]
print("sees   ", repr(tokenizer.decode(inputs.tolist())))
print("answers", repr(tokenizer.decode(targets.tolist())))

# %% [markdown]
# ## What is a good loss?
#
# Before training anything, know what to compare with. Guessing evenly costs ln(vocabulary). Knowing how
# frequent each character is costs the entropy of that; knowing the character before it costs less still.
# A network has to beat the last, or it has learned nothing about the past.

# %%
ids = np.array(tokenizer.encode(text.get_train_data()))
test_ids = np.array(tokenizer.encode(text.get_test_data()))


def table_loss(counts, rows, columns):
    """Mean -ln p of `columns` after `rows`, by a table of counts (with 0.1 added to each)."""
    p = (counts + 0.1) / (counts + 0.1).sum(axis=-1, keepdims=True)
    return float(-np.log(p[rows, columns]).mean())


singles = np.tile(np.bincount(ids, minlength=VOCABULARY), (VOCABULARY, 1))
pairs = np.zeros((VOCABULARY, VOCABULARY))
np.add.at(pairs, (ids[:-1], ids[1:]), 1)
BASELINES = {
    "even guess": float(np.log(VOCABULARY)),
    "letter frequencies": table_loss(singles, test_ids[:-1], test_ids[1:]),
    "pairs of letters": table_loss(pairs, test_ids[:-1], test_ids[1:]),
}
for name, value in BASELINES.items():
    print(f"{name:20}{value:.3f}")

# %% [markdown]
# ## Train
#
# The learning rate rises for a moment, then falls along a cosine; gradients are clipped, because one
# surprising batch can otherwise undo a hundred good ones.

# %%
np.random.seed(0)
STEPS, BATCH, PEAK = 700, 16, 0.008
model = GPT(VOCABULARY, embed_dim=64, num_layers=2, num_heads=4, max_seq_len=CONTEXT)
optimizer, loss_fn = AdamW(model.parameters(), lr=PEAK), CrossEntropyLoss()
schedule = WarmupSchedule(CosineSchedule(PEAK, PEAK / 20, STEPS), warmup=40)
print(f"{sum(p.size for p in model.parameters()):,} parameters")


def batch_loss(x, y):
    return loss_fn(model(x).reshape(-1, VOCABULARY), y.reshape(-1))


def held_out_loss():
    with no_grad():
        losses = [batch_loss(x, y).item() for x, y in itertools.islice(DataLoader(held_out, 16), 8)]
    return float(np.mean(losses))


losses, checks, step = [], [(0, held_out_loss())], 0
with precise_timer() as timer:
    while step < STEPS:
        for x, y in DataLoader(train, BATCH, shuffle=True, seed=step, drop_last=True):
            optimizer.lr = schedule.get_lr(step)
            optimizer.zero_grad()
            loss = batch_loss(x, y)
            loss.backward()
            clip_grad_norm(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            step += 1
            if step % 100 == 0:
                checks.append((step, held_out_loss()))
            if step == STEPS:
                break
rate = STEPS * BATCH * CONTEXT / timer.elapsed
print(f"{STEPS} updates in {timer.elapsed:.1f} s: {rate:,.0f} characters per second")

# %%
fig, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(losses, linewidth=0.6, label="training, each batch")
ax.plot(*zip(*checks, strict=True), marker="o", label="text it has not seen")
for style, (name, value) in zip((":", "-.", "--"), BASELINES.items(), strict=True):
    ax.axhline(value, color="grey", linestyle=style, linewidth=1, label=name)
ax.set(xlabel="update", ylabel="loss (nats per character)")
ax.legend(fontsize=8)
fig.tight_layout()
plt.show()
print(f"held-out loss {checks[-1][1]:.3f}, pairs of letters {BASELINES['pairs of letters']:.3f}")

# %% [markdown]
# ## Let it write
#
# It has never seen a position beyond 64, so it writes in pieces: the last 16 characters go back in as the
# prompt of the next piece. `temperature` divides the scores before the draw: below 1 it plays safe, above 1
# it takes risks.


# %%
def write_on(beginning, pieces, temperature):
    """`beginning` and `pieces` times 48 more characters."""
    tokens = tokenizer.encode(beginning)
    for _ in range(pieces):
        prompt = Tensor(np.array([tokens[-16:]]))
        longer = model.generate(prompt, max_new_tokens=CONTEXT - 16, temperature=temperature)
        tokens = tokens[:-16] + longer.data[0].astype(int).tolist()
    return tokenizer.decode(tokens)


for temperature in (0.3, 0.7, 1.2):
    np.random.seed(3)
    print(f"---- temperature {temperature}")
    print(write_on("First Citizen:\nWe ", 4, temperature))

# %% [markdown]
# Not Shakespeare, but it has found out that speeches have a speaker, that lines end, that sentences begin with a
# capital, and what an English word looks like.
#
# ## What do the heads look at?
#
# Attention is a table: how much each position (row) takes from each earlier one (column). It is computed
# here from the block's own projections.

# %%
phrase = "First Citizen:\nWe are"
tokens = np.array([tokenizer.encode(phrase)])
with no_grad():
    positions = np.arange(tokens.shape[1])[None]
    x = model.token_embedding(Tensor(tokens)) + model.position_embedding(Tensor(positions))
    block = model.blocks[0]
    normal = block.ln1(x)
    query = block.attention.split_heads(block.attention.q_proj(normal)).data
    key = block.attention.split_heads(block.attention.k_proj(normal)).data
    scores = query @ key.swapaxes(2, 3) / np.sqrt(key.shape[-1])
    hidden = np.triu(np.ones(scores.shape[-2:], bool), 1)
    weights = softmax(Tensor(np.where(hidden, -1e9, scores))).data[0]

fig, axes = plt.subplots(1, 4, figsize=(11, 3))
letters = [c if c != "\n" else "\u21b5" for c in phrase]
for head, ax in enumerate(axes):
    ax.imshow(weights[head], cmap="viridis", vmin=0, vmax=1)
    ax.set_title(f"head {head}", fontsize=9)
    ax.set_xticks(range(len(letters)), letters, fontsize=6)
    ax.set_yticks(range(len(letters)), letters, fontsize=6)
fig.tight_layout()
plt.show()

# %% [markdown]
# Everything above the diagonal is dark: no character may look at what comes after it.
#
# ## The same letters, faster
#
# To write character 200, a model reads all 199 before it again, though their keys and values have not
# changed. `enable_kv_cache` keeps them, so that a new character costs one row. The promise is *the same
# text*; the cell checks it before it says anything about speed. (The model here has a longer window and is
# not trained: how fast it writes does not depend on what it knows.)

# %%
novelist = GPT(VOCABULARY, embed_dim=64, num_layers=2, num_heads=4, max_seq_len=512)


prompt = Tensor(np.array([tokenizer.encode("MENENIUS:\n")]))


def write(count):
    np.random.seed(2)
    with precise_timer() as timer:
        out = novelist.generate(prompt, max_new_tokens=count, temperature=0.8)
    return out.data, timer.elapsed


counts = (30, 60, 120, 240, 400)
plain = [write(n) for n in counts]
enable_kv_cache(novelist)
cached = [write(n) for n in counts]
disable_kv_cache(novelist)

same = all(np.array_equal(a[0], b[0]) for a, b in zip(plain, cached, strict=True))
print("same text with and without the cache:", same)
for n, (_, slow), (_, fast) in zip(counts, plain, cached, strict=True):
    print(
        f"{n:4} characters: {1000 * slow:7.1f} ms, cached {1000 * fast:6.1f} ms, {slow / fast:5.1f}x"
    )

# %%
fig, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(counts, [1000 * t for _, t in plain], marker="o", label="reads everything again")
ax.plot(counts, [1000 * t for _, t in cached], marker="o", label="key-value cache")
ax.set(xlabel="characters written", ylabel="milliseconds")
ax.legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# The factors are from this run. One curve bends upwards, the other is nearly a line: n steps over n characters
# against n steps over one. The longer the text, the larger the factor; what it costs is memory, which is
# exercise 04.3.
#
# ## What comes of it with patience
#
# A model of 1.8 million weights, trained for some ten minutes on the whole of Tiny Shakespeare, comes with the
# package, each weight in one byte ([how](https://github.com/OWNER/tinytorch/blob/main/docs/gpt.md)). It runs in
# the engine's own generator, which has the key-value cache built in, packs the weights once, and gives out the
# text while it is made.

# %%
from tinytorch.models.language import open_language_model

shipped = open_language_model("shakespeare-int8")
options = {"max_new_tokens": 240, "temperature": 0.7, "seed": 4}
stream = shipped.generator().stream_text("MENENIUS:\n", **options)
print("MENENIUS:")
for piece in stream:
    print(piece, end="", flush=True)
times = stream.request.timing.token_times
print(f"\n\n{(len(times) - 1) / (times[-1] - times[0]):,.0f} characters a second")

# %% [markdown]
# Writing is reading: each new character needs every weight once, so the fewer bytes they take, the faster it
# goes, until something else is the limit. The same seed in other number formats, and what a character of the
# last pages costs each of them in nats:

# %%
pages = np.array(shipped.need_tokenizer().encode(text.text[-20480:])).reshape(80, 256)


def nats(session):
    """Mean negative log probability of the characters, given those before them."""
    sequences = [session.sequence() for _ in pages]
    scores = session.append(sequences, list(pages[:, :-1]), wanted=pages.shape[1] - 1)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(logs)), pages[:, 1:].ravel()].mean()


for precision in ("f32", "int8", "int4"):
    session = shipped.session(precision)
    stream = shipped.generator(precision).stream_text("MENENIUS:\n", **options)
    written = "".join(stream)
    times = stream.request.timing.token_times
    speed = (len(times) - 1) / (times[-1] - times[0])
    print(
        f"{precision:5}{session.nbytes / 1e6:5.1f} MB {speed:8,.0f} a second "
        f"{nats(session):6.3f} nats  {written[:40]!r}"
    )

# %% [markdown]
# ## Exercises
#
# **04.1** `causal_mask(n)`: an (n, n) array, 1 where position *row* may look at position *column*, else 0.


# %% tags=["exercise"]
def causal_mask(n):
    # your code
    ...


check("04.1", causal_mask)

# %% [markdown]
# **04.2** `top_k(logits, k, rng)`: draw a token from the softmax over the `k` highest logits; the others never
# come. `rng` is a `np.random.Generator` (`rng.choice` takes `p=`). Mind logits in the thousands.


# %% tags=["exercise"]
def top_k(logits, k, rng):
    # your code
    ...


check("04.2", top_k)

# %% [markdown]
# **04.3** `cache_bytes(layers, heads, head_width, positions)`: how many bytes does a float32 cache for one
# sequence take? Then work it out for 32 layers, 32 heads of width 128 and 4,096 positions.


# %% tags=["exercise"]
def cache_bytes(layers, heads, head_width, positions):
    # your code
    ...


check("04.3", cache_bytes)
