/* Preloaded (LD_PRELOAD): makes the n-th file operation of this process fail, or kills it there.

   faults_arm(n, mode, code): count from now; at the n-th call of open-for-writing, write, fsync,
   rename or unlink do
     mode 0  fail with errno `code`
     mode 1  kill -9 before the call
     mode 2  for a write, write half of the bytes and then kill -9; otherwise as mode 1
     mode 3  for a write, write half of the bytes; the next call fails with `code`
   faults_count(): calls seen since faults_arm. n = 0 only counts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int armed, at, mode_, code_, calls;

void faults_arm(int n, int mode, int code) {
  at = n;
  mode_ = mode;
  code_ = code;
  calls = 0;
  armed = 1;
}
void faults_disarm(void) { armed = 0; }
int faults_count(void) { return calls; }

/* 1: the call must fail. */
static int strike(int is_write) {
  if (!armed) return 0;
  ++calls;
  if (calls != at) return 0;
  if (mode_ == 1 || (mode_ == 2 && !is_write)) kill(getpid(), SIGKILL);
  if (mode_ == 0 || (mode_ == 3 && !is_write)) {
    errno = code_;
    return 1;
  }
  return 0;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void* data, size_t size) {
  REAL(ssize_t, write, int, const void*, size_t);
  if (fd <= 2) return real(fd, data, size);
  if (strike(1)) return -1;
  if (armed && calls == at && size > 1 && mode_ >= 2) {
    const ssize_t half = real(fd, data, size / 2);
    if (mode_ == 2) kill(getpid(), SIGKILL);
    mode_ = 0; /* the next call fails */
    at = calls + 1;
    return half;
  }
  return real(fd, data, size);
}
int fsync(int fd) {
  REAL(int, fsync, int);
  return strike(0) ? -1 : real(fd);
}
int rename(const char* from, const char* to) {
  REAL(int, rename, const char*, const char*);
  return strike(0) ? -1 : real(from, to);
}
int unlink(const char* path) {
  REAL(int, unlink, const char*);
  return strike(0) ? -1 : real(path);
}

#define OPEN(name) \
  int name(const char* path, int flags, ...) { \
    REAL(int, name, const char*, int, ...); \
    va_list arguments; \
    va_start(arguments, flags); \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments); \
    if ((flags & O_ACCMODE) != O_RDONLY && strike(0)) return -1; \
    return real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
