// A GPT's session: what it takes from the heap, and how it leaves sequences after an error.
#include <cmath>

#include "support/catch.hpp"
#include "support/heap.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/gpt/session.hpp"

using namespace tt;
using namespace tt::runtime;
using kernels::CacheFormat;
using models::GptConfig;
using models::GptModel;

namespace {

GptConfig gpt2_form() {
  GptConfig c;
  c.vocabulary = 50, c.width = 64, c.layers = 2, c.heads = 4, c.max_length = 700;
  return c;
}

GptConfig llama_form() {
  GptConfig c = gpt2_form();
  c.kv_heads = 2, c.head_size = 12, c.hidden = 100;
  c.norm = models::GptNorm::rms, c.positions = models::GptPositions::rotary;
  c.activation = models::GptActivation::silu;
  c.gated = true, c.tied = false;
  return c;
}

GptModel random_model(const GptConfig& config) {
  GptModel m;
  m.config = completed(config);
  m.blocks.resize(static_cast<std::size_t>(m.config.layers));
  Generator generator(3);
  for (const models::GptArray& a : arrays_of(m)) {
    if (a.need == models::GptArray::Need::absent) continue;
    *a.array = Array::empty(a.shape);
    generator.normal(a.array->data<float>(), a.array->size());
    for (index_t i = 0; i < a.array->size(); ++i) a.array->data<float>()[i] *= 0.2f;
  }
  return m;
}

// Some sequences of different lengths, and tokens for them.
struct Batch {
  Batch(const GptSession& session, index_t longest) : tokens(static_cast<std::size_t>(longest)) {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = static_cast<std::int64_t>(i * 7 % 50);
    for (int i = 0; i < 3; ++i) sequences.push_back(session.make_sequence(session.max_length()));
    logits.resize(static_cast<std::size_t>(longest * 3 * session.vocabulary()));
  }
  std::vector<GptInput> inputs(index_t count, index_t wanted) {
    std::vector<GptInput> all;
    for (GptSequence& s : sequences) all.push_back({&s, tokens.data(), count, wanted});
    return all;
  }
  std::vector<std::int64_t> tokens;
  std::vector<GptSequence> sequences;
  std::vector<float> logits;
};

}  // namespace

TEST_CASE("a session in steady state takes nothing from the heap") {
  const int threads = num_threads();
  set_num_threads(1);  // who of several meets the longest piece first is chance
  for (const GptConfig& config : {gpt2_form(), llama_form()}) {
    for (const Precision p : {Precision::f32, Precision::bf16, Precision::int8, Precision::int4}) {
      for (const CacheFormat cache : {CacheFormat::f32, CacheFormat::f16, CacheFormat::int8}) {
        const GptSession session(random_model(config), {p, p, cache});
        Batch batch(session, 600);
        const std::vector<GptInput> prompt = batch.inputs(600, 3), token = batch.inputs(1, 1);
        const auto generate = [&] {
          for (GptSequence& s : batch.sequences) s.truncate(0);
          session.append(prompt, batch.logits.data());
          for (int i = 0; i < 20; ++i) session.append(token, batch.logits.data());
          batch.sequences[1].copy_prefix(batch.sequences[0], 333);
        };
        generate();
        const std::int64_t before = test::heap_requests();
        generate();
        for (int i = 0; i < 40; ++i) session.append(token, batch.logits.data());
        const std::int64_t taken = test::heap_requests() - before;
        CAPTURE(name_of(p), static_cast<int>(cache), config.gated);
        CHECK(taken == 0);
      }
    }
  }
  set_num_threads(threads);
}

TEST_CASE("an interrupted call changes no sequence") {
  const GptSession session(random_model(llama_form()), {});
  Batch batch(session, 600);
  session.append(batch.inputs(5, 1), batch.logits.data());
  set_interrupt_check([] { return true; });
  const auto append_until_interrupted = [&] {  // which is asked for every 50 ms at most
    for (int i = 0; i < 10000; ++i) {
      session.append(batch.inputs(600, 1), batch.logits.data());
      for (GptSequence& s : batch.sequences) s.truncate(5);
    }
  };
  CHECK_THROWS_AS(append_until_interrupted(), Interrupted);
  set_interrupt_check(nullptr);
  for (GptSequence& s : batch.sequences) CHECK(s.length() == 5);
  session.append(batch.inputs(1, 1), batch.logits.data());  // and none is held
  Batch other(session, 600);
  const std::vector<float> after = batch.logits;
  session.append(other.inputs(5, 1), other.logits.data());
  session.append(other.inputs(1, 1), other.logits.data());
  CHECK(std::equal(other.logits.begin(), other.logits.begin() + 3 * 50, after.begin()));
}

TEST_CASE("a sequence in use is neither cut nor copied") {
  const GptSession session(random_model(gpt2_form()), {});
  Batch batch(session, 9);
  session.append(batch.inputs(9, 1), batch.logits.data());
  GptSequence &used = batch.sequences[0], &other = batch.sequences[1];
  REQUIRE(used.hold());
  CHECK_THROWS_AS(used.truncate(3), StateError);
  CHECK_THROWS_AS(used.copy_prefix(used, 3), StateError);
  CHECK_THROWS_AS(used.copy_prefix(other, 3), StateError);
  CHECK_THROWS_AS(other.copy_prefix(used, 3), StateError);
  CHECK_THROWS_AS(session.append(batch.inputs(1, 1), batch.logits.data()), StateError);
  used.release();
  for (GptSequence& s : batch.sequences) CHECK(s.length() == 9);
  other.copy_prefix(used, 3);  // and none is held
  session.append(batch.inputs(1, 1), batch.logits.data());
  CHECK(other.length() == 4);
}

TEST_CASE("a model in C++ is checked as one from Python is") {
  const auto refused = [](const char* what, auto change) {
    GptModel m = random_model(gpt2_form());
    change(m);
    INFO(what);
    CHECK_THROWS_AS(models::checked(m), ValueError);
  };
  refused("a missing array", [](GptModel& m) { m.blocks[0].up = Array(); });
  refused("a layer too few", [](GptModel& m) { m.blocks.pop_back(); });
  refused("a head beside a tied table", [](GptModel& m) { m.head = m.tokens; });
  refused("a wrong shape", [](GptModel& m) { m.norm_gamma = Array::zeros({3}); });
  refused("a vector for a matrix", [](GptModel& m) { m.blocks[1].qkv = Array::zeros({192}); });
  refused("NaN", [](GptModel& m) { m.positions.data<float>()[7] = std::nanf(""); });
  refused("heads", [](GptModel& m) { m.config.heads = 5, m.config.head_size = 0; });
  CHECK_NOTHROW(models::checked(random_model(gpt2_form())));
}
