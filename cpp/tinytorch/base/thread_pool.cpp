#include "tinytorch/base/thread_pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "tinytorch/base/env.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"

namespace tt {
namespace {

constexpr int kMaxThreads = 256;
// A worker without work first waits in place, then gives its core to whoever else has work, then
// sleeps: waking a sleeper costs some 50 microseconds, as much as a small operator. Together long
// enough to bridge the gap between two operators, short enough not to burn a laptop's core.
constexpr int kSpins = 1000;
constexpr auto kYielding = std::chrono::milliseconds(1);

// CPUs granted by the container, rounded up; a large number where there is no quota.
int cgroup_quota() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period && quota != "max" && period > 0) {
    return std::max(1, static_cast<int>((std::atof(quota.c_str()) + period - 1) / period));
  }
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double q = 0;
  if (v1_quota >> q && v1_period >> period && q > 0 && period > 0) {
    return std::max(1, static_cast<int>((q + period - 1) / period));
  }
  return kMaxThreads;
}

int available_cpus() {
  cpu_set_t mask;
  const int affinity = sched_getaffinity(0, sizeof mask, &mask) == 0
                           ? CPU_COUNT(&mask)
                           : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(std::min(affinity, cgroup_quota()), 1, kMaxThreads);
}

int default_threads() {
  if (const auto asked = env_positive_int("TINYTORCH_NUM_THREADS")) {
    return std::min(*asked, kMaxThreads);
  }
  return available_cpus();
}

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Moves this thread away from `cpu` if it is there and may be elsewhere. The system often wakes a
// worker where its caller runs, and takes 10 milliseconds to see that another core is idle: as long
// as 30 products of 256 x 256.
void leave_cpu(int cpu) {
  cpu_set_t allowed;
  if (sched_getcpu() != cpu || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed);  // it has moved; later it may go anywhere again
}

// One job at a time. Each thread claims the chunks of a part of its own, in rising order, then
// helps with the others': neighbours read the same memory, and the next job's chunks find in a
// core's caches what this one's left there.
struct Job {
  static constexpr int kParts = 16;
  struct alignas(64) Part {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };

  Job(detail::ChunkFn f, void* c, std::int64_t count, std::int64_t each)
      : fn(f), context(c), n(count), grain(each), chunks((count + each - 1) / each) {}

  detail::ChunkFn fn;
  void* context;
  std::int64_t n, grain, chunks;
  Part part[kParts];
  int parts = 1;
  std::atomic<bool> stop{false};
  std::atomic<int> active{0};  // workers inside the job
  std::atomic<bool> failed{false};
  std::exception_ptr error{};  // of the first chunk that failed

  void divide(int threads) {
    parts = std::min(threads, kParts);
    for (int i = 0; i < parts; ++i) {
      part[i].next = chunks * i / parts;
      part[i].end = chunks * (i + 1) / parts;
    }
  }
  // The next chunk for a thread, -1 if there is none.
  std::int64_t claim(int thread) {
    for (int i = 0; i < parts; ++i) {
      Part& p = part[(thread + i) % parts];
      if (p.next.load(std::memory_order_relaxed) >= p.end) continue;
      if (const std::int64_t c = p.next.fetch_add(1); c < p.end) return c;
    }
    return -1;
  }
  void call(std::int64_t c) { fn(context, c * grain, std::min(n, (c + 1) * grain)); }
  void run_chunk(std::int64_t c) noexcept {
    try {
      call(c);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
      stop = true;
    }
  }
};

// The job that this thread is working on, and whether it is the caller, which watches for
// interrupts.
struct Inside {
  Job* job = nullptr;
  bool caller = false;

  // Called between the chunks of nested loops.
  void stop_if_asked() const {
    if (caller && interrupt_pending()) job->stop = true;
    if (job->stop) throw Interrupted();
  }
};
thread_local Inside t_inside;

class Enter {
 public:
  Enter(Job& job, bool caller) { t_inside = {&job, caller}; }
  ~Enter() { t_inside = {}; }
  Enter(const Enter&) = delete;
  Enter& operator=(const Enter&) = delete;
};

class Pool {
 public:
  explicit Pool(int threads) {
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error&) {
      // The system gives no more threads: those that started do the work.
    }
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      quit_ = true;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }
  // False where another thread's job holds the pool; the caller then works alone.
  bool run(Job& job) {
    std::unique_lock owner(owner_, std::try_to_lock);
    if (!owner) return false;
    caller_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
    job.divide(static_cast<int>(workers_.size()) + 1);
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    if (sleepers_.load(std::memory_order_acquire) > 0) {
      steer_sleepers();
      wake_.notify_all();
    }
    caller(job);
    {
      std::lock_guard lock(mutex_);
      job_ = nullptr;  // no worker can enter from here on
    }
    // Soon over, unless a worker was put aside for other work of the machine.
    for (int i = 0; job.active.load(std::memory_order_acquire) != 0; ++i) {
      if (i < kSpins)
        pause_cpu();
      else
        std::this_thread::yield();
    }
    return true;
  }

  static void caller(Job& job) {
    const Enter inside(job, true);
    for (std::int64_t c; !job.stop && (c = job.claim(0)) >= 0;) {
      job.run_chunk(c);
      if (interrupt_pending()) job.stop = true;
    }
  }

 private:
  void wait_awake(std::uint64_t seen) const {
    const auto same = [&] { return epoch_.load(std::memory_order_acquire) == seen; };
    for (int i = 0; i < kSpins && same(); ++i) pause_cpu();
    const auto until = std::chrono::steady_clock::now() + kYielding;
    while (same() && std::chrono::steady_clock::now() < until) {
      leave_caller();
      std::this_thread::yield();
    }
  }

  // Sleepers shall wake on other cores than this thread's.
  void steer_sleepers() {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    cpu_set_t others = allowed;
    CPU_CLR(sched_getcpu(), &others);
    if (CPU_COUNT(&others) == 0) return;
    std::lock_guard lock(mutex_);
    allowed_ = allowed;
    ++steers_;
    for (auto& worker : workers_) {
      pthread_setaffinity_np(worker.native_handle(), sizeof others, &others);
    }
  }
  void leave_caller() const { leave_cpu(caller_cpu_.load(std::memory_order_relaxed)); }

  void work(int thread) {
    std::uint64_t seen = 0, steers = 0;
    for (;;) {
      wait_awake(seen);
      Job* job = nullptr;
      {
        std::unique_lock lock(mutex_);
        if (epoch_.load(std::memory_order_relaxed) == seen) {
          sleepers_.fetch_add(1);
          wake_.wait(lock, [&] { return epoch_.load(std::memory_order_relaxed) != seen; });
          sleepers_.fetch_sub(1);
        }
        if (steers_ != steers) {
          steers = steers_;
          sched_setaffinity(0, sizeof allowed_, &allowed_);
        }
        seen = epoch_.load(std::memory_order_relaxed);
        if (quit_) return;
        job = job_;
        if (job != nullptr) job->active.fetch_add(1);
      }
      if (job == nullptr) continue;
      leave_caller();
      take_part(*job, thread);
      job->active.fetch_sub(1, std::memory_order_release);
    }
  }
  static void take_part(Job& job, int thread) {
    const Enter inside(job, false);
    for (std::int64_t c;
         !job.stop.load(std::memory_order_relaxed) && (c = job.claim(thread)) >= 0;) {
      job.run_chunk(c);
    }
  }

  std::mutex owner_;  // held by the thread whose job is running
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<int> caller_cpu_{-1};  // where the last job was given
  // Where workers may run once they have woken: where the caller may. Guarded by mutex_.
  cpu_set_t allowed_{};
  std::uint64_t steers_ = 0;
  Job* job_ = nullptr;
  bool quit_ = false;
  std::vector<std::thread> workers_;
};

// A pool lives as long as State or a running job refers to it: set_num_threads() may replace it at
// any time, and the last one to let go waits for the workers.
using PoolPtr = std::shared_ptr<Pool>;

struct State {
  std::mutex mutex;  // guards pool
  std::atomic<int> threads{0};
  PoolPtr pool;
};

// Leaked on purpose: work may run until the very end of the process.
State& state() {
  static State* instance = [] {
    auto* s = new State;
    pthread_atfork([] { state().mutex.lock(); }, [] { state().mutex.unlock(); },
                   [] {
                     State& child = state();
                     // The parent's workers did not come along, nor does anyone hold its pool:
                     // leave it behind, never joined.
                     new PoolPtr(std::move(child.pool));
                     child.mutex.unlock();
                     t_inside = {};
                   });
    std::atexit([] {
      State& last = state();
      last.threads = 1;
      PoolPtr pool;
      std::lock_guard lock(last.mutex);
      pool.swap(last.pool);
    });
    return s;
  }();
  return *instance;
}

PoolPtr pool() {
  State& s = state();
  std::lock_guard lock(s.mutex);
  const int threads = num_threads();
  if (!s.pool && threads > 1) s.pool = std::make_shared<Pool>(threads);
  return s.pool;
}

}  // namespace

int num_threads() {
  State& s = state();
  int count = s.threads.load(std::memory_order_relaxed);
  if (count == 0) {
    count = default_threads();
    s.threads.store(count);
  }
  return count;
}

void set_num_threads(int count) {
  if (count < 1 || count > kMaxThreads) {
    fail<ValueError>("number of threads must be between 1 and ", kMaxThreads, ", got ", count);
  }
  State& s = state();
  PoolPtr old;  // let go after the lock: its workers may be busy
  std::lock_guard lock(s.mutex);
  s.threads.store(count);
  old.swap(s.pool);
}

void stop_if_interrupted() {
  if (t_inside.job != nullptr) {
    t_inside.stop_if_asked();
  } else {
    throw_if_interrupted();
  }
}

void detail::parallel_for(std::int64_t n, std::int64_t grain, ChunkFn fn, void* context) {
  if (n <= 0) return;
  Job job(fn, context, n, std::max<std::int64_t>(grain, 1));
  if (job.chunks == 1) return job.call(0);
  if (t_inside.job != nullptr) {  // nested
    for (std::int64_t c = 0; c < job.chunks; ++c) {
      job.call(c);
      t_inside.stop_if_asked();
    }
    return;
  }
  const PoolPtr threads = num_threads() > 1 ? pool() : nullptr;
  if (!threads || !threads->run(job)) {
    job.divide(1);
    Pool::caller(job);
  }
  if (job.error) std::rethrow_exception(job.error);
  if (job.stop) throw Interrupted();
}

}  // namespace tt
