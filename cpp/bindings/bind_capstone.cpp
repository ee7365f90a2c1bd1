// _core.capstone: measuring a model that lives in Python, and the submission's format.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <nlohmann/json.hpp>

#include "json_convert.hpp"
#include "tinytorch/array/allocator.hpp"
#include "tinytorch/autograd/node.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_text.hpp"
#include "tinytorch/capstone/report.hpp"
#include "tinytorch/capstone/submission.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using capstone::Json;
using Labels = py::array_t<std::int64_t, py::array::c_style>;

// A Python model: four callables and two numbers. Runs with the GIL held.
class PythonModel : public capstone::Measurable {
 public:
  PythonModel(py::function forward, py::function rows, py::function predict,
              std::int64_t parameters, capstone::StoredSize size)
      : forward_(std::move(forward)),
        rows_(std::move(rows)),
        predict_(std::move(predict)),
        parameters_(parameters),
        size_(std::move(size)) {}

  void prepare(std::int64_t rows) override { input_ = call(rows_, py::int_(rows)); }
  void run() override { call(forward_, input_); }
  std::vector<std::int64_t> predict() override {
    const auto classes = Labels::ensure(call(predict_, py::none()));
    if (!classes) throw py::error_already_set();
    return {classes.data(), classes.data() + classes.size()};
  }
  std::int64_t count_parameters() override { return parameters_; }
  capstone::StoredSize stored_size() override { return size_; }

  // What stopped the measurement from outside: KeyboardInterrupt, SystemExit.
  std::optional<py::error_already_set> stop;

 private:
  py::object call(const py::function& function, const py::object& argument) {
    PyObject* result = PyObject_CallFunctionObjArgs(function.ptr(), argument.ptr(), nullptr);
    if (result != nullptr) return py::reinterpret_steal<py::object>(result);
    // Anything but an Exception must not be mistaken for a batch size that the model refuses.
    if (PyErr_ExceptionMatches(PyExc_Exception)) throw py::error_already_set();
    stop.emplace();
    throw Interrupted();
  }

  py::function forward_, rows_, predict_;
  std::int64_t parameters_;
  capstone::StoredSize size_;
  py::object input_;
};

class PauseGarbageCollection {
 public:
  PauseGarbageCollection() : was_enabled_(PyGC_Disable() != 0) {}
  ~PauseGarbageCollection() {
    if (was_enabled_) PyGC_Enable();
  }

 private:
  bool was_enabled_;
};

capstone::AllocatorGauge engine_gauge() {
  return {
      [] {
        const MemoryStats stats = memory_stats();
        return capstone::AllocatorCounters{stats.live_bytes, stats.peak_bytes, stats.allocations};
      },
      &reset_peak_memory};
}

PythonModel model_from_python(const py::dict& model) {
  return {
      model["forward"],
      model["rows"],
      model["predict"],
      py::cast<std::int64_t>(model["parameter_count"]),
      {py::cast<std::int64_t>(model["stored_bytes"]), py::cast<std::string>(model["size_source"])}};
}

py::tuple to_python(const capstone::Metrics& metrics) {
  py::list curve;
  for (const capstone::BatchPoint& point : metrics.throughput.curve) {
    curve.append(py::make_tuple(point.rows, point.samples_per_sec));
  }
  return py::make_tuple(json_to_python(to_json(metrics)), curve, metrics.throughput.stopped_by);
}

py::list benchmark(const std::vector<py::dict>& given, std::int64_t num_runs) {
  std::vector<PythonModel> models;
  std::vector<Labels> labels;
  for (const py::dict& model : given) {
    models.push_back(model_from_python(model));
    if (!py::isinstance<Labels>(model["labels"])) throw py::type_error("labels must be int64");
    labels.push_back(py::cast<Labels>(model["labels"]));
  }
  std::vector<capstone::Contender> contenders;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto rows = static_cast<std::size_t>(labels[i].size());
    contenders.push_back({&models[i], {labels[i].data(), rows}});
  }
  capstone::BenchmarkOptions options;
  options.latency.runs = num_runs;
  options.allocator = engine_gauge();
  const autograd::NoGrad no_grad;
  const PauseGarbageCollection pause;
  py::list found;
  try {
    for (const capstone::Metrics& m : capstone::benchmark(contenders, options)) {
      found.append(to_python(m));
    }
  } catch (const Interrupted&) {
    for (const PythonModel& model : models) {
      if (model.stop) throw py::error_already_set(*model.stop);
    }
    throw;
  }
  return found;
}

Json report_from_python(py::handle report, const std::string& name) {
  Json out = Json::object();
  for (const char* key : {"model_name", "metrics", "system_info", "timestamp"}) {
    out[key] = json_from_python(report.attr(key), capstone::child_path(name, key));
  }
  return out;
}

py::object generate_submission(py::handle baseline, py::handle optimized,
                               const std::string& student_name,
                               const std::vector<std::string>& techniques) {
  const Json before = report_from_python(baseline, "$.baseline");
  const Json after = optimized.is_none() ? Json() : report_from_python(optimized, "$.optimized");
  return json_to_python(capstone::generate_submission(
      before, optimized.is_none() ? nullptr : &after, student_name, techniques));
}

py::list to_python(const std::vector<capstone::Violation>& violations) {
  py::list out;
  for (const auto& v : violations) out.append(py::make_tuple(v.path, v.rule, v.message));
  return out;
}

py::list check_json(const std::string& schema, py::handle value) {
  return to_python(capstone::JsonSchema(schema).check(json_from_python(value)));
}

// Types of _core.capstone's errors; they live as long as the interpreter.
PyObject* submission_error = nullptr;

void translate(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const capstone::SubmissionError& e) {
    const py::object instance = py::handle(submission_error)(e.what());
    instance.attr("path") = e.violations.front().path;
    instance.attr("rule") = e.violations.front().rule;
    instance.attr("violations") = to_python(e.violations);
    PyErr_SetObject(submission_error, instance.ptr());
  } catch (const capstone::MissingMetric& e) {
    PyErr_SetString(PyExc_KeyError, e.what());
  }
}

void add_submission_error(py::module_& m) {
  submission_error = PyErr_NewExceptionWithDoc(
      "tinytorch.capstone.SubmissionSchemaError",
      "A submission breaks a rule.\n\n"
      "path: JSON path of the first offending value, e.g. \"$.baseline.metrics.accuracy\".\n"
      "rule: what it breaks, a keyword of the schema, or \"finite\", \"derived\", \"json\".\n"
      "violations: (path, rule, message) of every one found.",
      PyExc_AssertionError, nullptr);
  if (submission_error == nullptr) throw py::error_already_set();
  m.add_object("SubmissionSchemaError", submission_error);
  py::register_exception_translator(&translate);
}

}  // namespace

void bind_capstone(py::module_& parent) {
  py::module_ m = parent.def_submodule("capstone", "Reports and submissions of the capstone.");
  add_submission_error(m);
  m.attr("SCHEMA_VERSION") = std::string(capstone::kSchemaVersion);
  m.attr("SUBMISSION_SCHEMA") = std::string(capstone::submission_schema_text());
  m.def("benchmark", &benchmark, py::arg("models"), py::arg("num_runs"),
        "[(metrics, [(batch size, samples per second)], why the batch search ended)] of models, "
        "timed in turns.\n\n"
        "Each is a dict: forward(x) is timed; rows(n) makes its input of n rows; predict(None) "
        "gives one class per row as int64; labels are the right ones; parameter_count, "
        "stored_bytes and size_source go into its metrics.");
  m.def("system_info", [] { return json_to_python(to_json(capstone::system_info())); });
  m.def("utc_timestamp", &capstone::utc_timestamp);
  m.def("generate_submission", &generate_submission, py::arg("baseline"), py::arg("optimized"),
        py::arg("student_name"), py::arg("techniques"));
  m.def(
      "validate_submission",
      [](py::handle submission) { capstone::validate_submission(json_from_python(submission)); },
      py::arg("submission"));
  m.def(
      "save_submission",
      [](py::handle submission, const std::string& path) {
        capstone::save_submission(json_from_python(submission), path);
      },
      py::arg("submission"), py::arg("path"));
  m.def(
      "load_submission",
      [](const std::string& path) { return json_to_python(capstone::load_submission(path)); },
      py::arg("path"));
  m.def("check_json", &check_json, py::arg("schema"), py::arg("value"),
        "[(path, rule, message)] of a value against the text of a schema; empty: valid.");
}

}  // namespace tt::bindings
