#include "tinytorch/runtime/generate/request.hpp"

#include <algorithm>
#include <utility>

namespace tt::runtime {

const char* name_of(Finish finish) {
  switch (finish) {
    case Finish::none:
      break;
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::capacity:
      return "capacity";
    case Finish::cancelled:
      return "cancelled";
    case Finish::error:
      return "error";
  }
  return "";
}

GptRequest::GptRequest(std::int64_t id, index_t prompt_length, const GenerationOptions& options)
    : id_(id), prompt_length_(prompt_length), output_(options.stop_tokens, options.stop_text) {}

GptRequest::Status GptRequest::status() const {
  const std::lock_guard lock(mutex_);
  Status s = status_;
  s.tokens = output_.shown_tokens(), s.text = output_.shown_text();
  s.token_stop = output_.token_stop(), s.text_stop = output_.text_stop();
  return s;
}

TokenIds GptRequest::tokens(index_t from) const {
  const std::lock_guard lock(mutex_);
  const auto begin = output_.tokens().begin();
  const index_t shown = output_.shown_tokens();
  return {begin + std::clamp<index_t>(from, 0, shown), begin + shown};
}

std::string GptRequest::text(index_t from) const {
  const std::lock_guard lock(mutex_);
  const index_t shown = output_.shown_text();
  from = std::clamp<index_t>(from, 0, shown);
  return output_.text().substr(static_cast<std::size_t>(from),
                               static_cast<std::size_t>(shown - from));
}

std::vector<double> GptRequest::times() const {
  const std::lock_guard lock(mutex_);
  return {times_.begin(), times_.begin() + output_.shown_tokens()};
}

std::exception_ptr GptRequest::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void GptRequest::forget_error() {
  std::exception_ptr error;  // goes after the lock
  const std::lock_guard lock(mutex_);
  error.swap(error_);
}

void GptRequest::admit(index_t most) {
  const std::lock_guard lock(mutex_);
  output_.reserve(most);
  times_.reserve(static_cast<std::size_t>(most));
  status_.admitted = since_submitted();
}

void GptRequest::count_cached(index_t tokens) {
  const std::lock_guard lock(mutex_);
  status_.cached += tokens;
}

bool GptRequest::take(std::int64_t token, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  times_.push_back(since_submitted());
  return output_.take(token, bytes);
}

void GptRequest::count_drafts(index_t drafted, index_t accepted) {
  const std::lock_guard lock(mutex_);
  status_.drafted += drafted;
  status_.accepted += accepted;
}

void GptRequest::end(Finish finish, std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  output_.show_all();
  status_.finish = finish;
  status_.finished = since_submitted();
  error_ = std::move(error);
}

}  // namespace tt::runtime
