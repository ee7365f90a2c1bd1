#include "tinytorch/base/atomic_file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"

namespace fs = std::filesystem;
using namespace tt;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tt-atomic-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  std::ptrdiff_t files() const { return std::distance(fs::directory_iterator(path), {}); }
  fs::path path;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

int error_code_of_write(const std::string& path) {
  try {
    write_file_atomic(path, "x");
  } catch (const IoError& error) {
    CHECK(error.path == path);
    CHECK(std::string(error.what()).find(path) != std::string::npos);
    return error.code;
  }
  return 0;
}

}  // namespace

TEST_CASE("atomic write creates and replaces") {
  Folder folder;
  write_file_atomic(folder / "a", "first");
  CHECK(contents(folder / "a") == "first");
  write_file_atomic(folder / "a", std::string(3'000'000, 'z'));
  CHECK(contents(folder / "a") == std::string(3'000'000, 'z'));
  write_file_atomic(folder / "a", "");
  CHECK(contents(folder / "a").empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("atomic write shows nothing before commit, and nothing without it") {
  Folder folder;
  write_file_atomic(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
    CHECK(contents(folder / "a") == "old");
    CHECK(folder.files() == 2);
  }
  CHECK(contents(folder / "a") == "old");
  CHECK(folder.files() == 1);
  AtomicFile file(folder / "a");
  file.write("ne");
  file.write("w");
  file.commit();
  CHECK(contents(folder / "a") == "new");
  CHECK_THROWS_AS(file.write("more"), StateError);
  CHECK_THROWS_AS(file.commit(), StateError);
}

TEST_CASE("atomic write names errno and path") {
  Folder folder;
  fs::create_directory(folder / "sub");
  CHECK(error_code_of_write(folder / "missing/a") == ENOENT);
  CHECK(error_code_of_write(folder / "sub") == EISDIR);
  CHECK(error_code_of_write(folder / "sub/") == EISDIR);
  CHECK(error_code_of_write("/dev/null") == EOPNOTSUPP);
  CHECK(error_code_of_write("") == ENOENT);
  CHECK_THROWS_AS(write_file_atomic(std::string("a\0b", 3), "x"), ValueError);
  CHECK(::access("/dev/null", W_OK) == 0);
  CHECK(folder.files() == 1);
}

TEST_CASE("atomic write keeps permissions and follows links") {
  Folder folder;
  write_file_atomic(folder / "a", "old");
  REQUIRE(::chmod((folder / "a").c_str(), 0600) == 0);
  fs::create_directory(folder / "sub");
  fs::create_symlink("../a", folder / "sub/link");
  write_file_atomic(folder / "sub/link", "new");
  CHECK(fs::is_symlink(folder / "sub/link"));
  CHECK(contents(folder / "a") == "new");
  CHECK(fs::status(folder / "a").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("atomic write works where the target's name is as long as names may be") {
  Folder folder;
  const std::string longest(255, 'n');
  write_file_atomic(folder / longest, "x");
  CHECK(contents(folder / longest) == "x");
}

TEST_CASE("a write that fails half-way leaves the old file and no temporary") {
  Folder folder;
  write_file_atomic(folder / "a", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomic(folder / "a", std::string(1'000'000, 'z'));
    } catch (const IoError& error) {
      ::_exit(error.code == EFBIG ? 7 : 8);
    } catch (...) {
      ::_exit(9);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(contents(folder / "a") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("a killed writer leaves the old file or the new one, whole") {
  Folder folder;
  const std::string path = folder / "a";
  const std::string one(400'000, '1'), two(700'000, '2');
  write_file_atomic(path, one);
  for (int round = 0; round < 30; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) {
        write_file_atomic(path, two);
        write_file_atomic(path, one);
      }
    }
    ::usleep(500 + 997 * static_cast<unsigned>(round) % 20'000);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string now = contents(path);
    REQUIRE((now == one || now == two));
  }
  write_file_atomic(folder / "a.b", "beside");
  const std::ptrdiff_t left_behind = folder.files() - 2;
  CHECK(remove_abandoned_temporaries(path) == left_behind);
  CHECK(folder.files() == 2);
}

TEST_CASE("many writers of one file: the last one wins, none is torn") {
  Folder folder;
  const std::string path = folder / "a";
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    writers.emplace_back([&path, letter] {
      for (int i = 0; i < 20; ++i) write_file_atomic(path, std::string(50'000, letter));
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string now = contents(path);
  CHECK(now == std::string(50'000, now.at(0)));
  CHECK(folder.files() == 1);
}

TEST_CASE("removing abandoned temporaries spares other files") {
  Folder folder;
  for (const char* name : {".a.12-3.tmp", ".a.9-0.tmp", ".a.b.12-3.tmp", ".a.tmp", "a.12-3.tmp"}) {
    write_file_atomic(folder / name, "x");
  }
  CHECK(remove_abandoned_temporaries(folder / "a") == 2);
  CHECK(folder.files() == 3);
  CHECK(remove_abandoned_temporaries(folder / "missing/a") == 0);
}
