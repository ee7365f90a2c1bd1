// Networks of nodes read from model files (safetensors whose metadata hold the config, as
// python/tinytorch/models/files.py writes them), and made into inference sessions.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tinytorch/data/augment.hpp"
#include "tinytorch/runtime/cnn/session.hpp"

namespace tt::deploy {

struct ModelFile {
  std::string name;                     // of the architecture
  std::vector<runtime::CnnNode> nodes;  // with their weights
  runtime::Value input;                 // channels, height, width
  std::vector<std::string> classes;     // "0", "1", ... where the file names none
  data::Normalization normalization;
  std::vector<quant::Range> ranges;  // int8: of the session's values; else empty

  bool int8() const { return !ranges.empty(); }
};

// IoError where the file cannot be read; FormatError or ValueError, naming the file, where it holds
// no sound network of nodes.
ModelFile read_model(const std::string& path);

std::unique_ptr<runtime::CnnSession> make_session(const ModelFile& model, index_t batch);

}  // namespace tt::deploy
