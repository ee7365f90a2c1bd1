#include "json_convert.hpp"

#include <pybind11/numpy.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_text.hpp"
#include "tinytorch/capstone/submission.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using capstone::Json;

class FromPython {
 public:
  explicit FromPython(const std::string& root) : root_(root) {}

  Json convert(py::handle value) {
    if (++nodes_ > capstone::kMaxJsonNodes) {
      refuse("holds more than ", capstone::kMaxJsonNodes, " values");
    }
    PyObject* object = value.ptr();
    if (object == Py_None) return nullptr;
    if (PyBool_Check(object)) return object == Py_True;
    if (PyLong_Check(object)) return integer(value);
    if (PyFloat_Check(object)) return PyFloat_AS_DOUBLE(object);
    if (PyUnicode_Check(object)) return text(value);
    if (PyDict_Check(object)) return members(value);
    if (PyList_Check(object) || PyTuple_Check(object)) return items(value);
    return from_numpy(value);
  }

 private:
  struct Step {
    py::handle key;  // null: index
    std::size_t index;
  };

  std::string path() const {
    std::string out = root_;
    for (const Step& step : trail_) {
      out = step.key ? capstone::child_path(out, step.key.cast<std::string>())
                     : capstone::child_path(out, step.index);
    }
    return out;
  }

  template <class... Args>
  [[noreturn]] void refuse(const Args&... why) const {
    throw capstone::SubmissionError({{path(), "json", concat(why...)}});
  }

  static std::string type_name(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

  Json integer(py::handle value) const {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow == 0) return static_cast<std::int64_t>(number);
    if (overflow > 0) {
      const unsigned long long large = PyLong_AsUnsignedLongLong(value.ptr());
      if (!PyErr_Occurred()) return static_cast<std::uint64_t>(large);
      PyErr_Clear();
    }
    refuse("is an integer of more than 64 bits, which JSON readers do not keep; use a float");
  }

  Json text(py::handle value) const {
    Py_ssize_t size = 0;
    const char* utf8 = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
    if (utf8 != nullptr) return std::string(utf8, static_cast<std::size_t>(size));
    PyErr_Clear();
    refuse("is a str with half a surrogate pair, which is no valid text");
  }

  void enter(Step step) {
    trail_.push_back(step);
    if (trail_.size() > capstone::kMaxJsonDepth) {
      trail_.resize(3);  // names the place without repeating a cycle 64 times
      refuse("is nested deeper than ", capstone::kMaxJsonDepth, " levels, or contains itself");
    }
  }

  // A copy is walked: converting a value may run Python code that changes the container.
  Json members(py::handle dict) {
    const auto copy = py::reinterpret_steal<py::dict>(PyDict_Copy(dict.ptr()));
    if (!copy) throw py::error_already_set();
    Json out = Json::object();
    for (const auto& [key, member] : copy) {
      if (!PyUnicode_Check(key.ptr())) {
        refuse("has a key of type ", type_name(key), " (", py::repr(key).cast<std::string>(),
               "); keys must be str");
      }
      std::string name = text(key).get<std::string>();
      enter({key, 0});
      Json value = convert(member);
      trail_.pop_back();
      capstone::append_member(out, std::move(name)) = std::move(value);
    }
    return out;
  }

  Json items(py::handle sequence) {
    const auto copy = py::reinterpret_steal<py::tuple>(PySequence_Tuple(sequence.ptr()));
    if (!copy) throw py::error_already_set();
    Json out = Json::array();
    for (std::size_t i = 0; i < copy.size(); ++i) {
      enter({py::handle(), i});
      out.push_back(convert(copy[i]));
      trail_.pop_back();
    }
    return out;
  }

  Json from_numpy(py::handle value) {
    if (py::isinstance<py::array>(value)) {
      const auto array = py::reinterpret_borrow<py::array>(value);
      const char kind = array.dtype().kind();
      if (kind != 'b' && kind != 'i' && kind != 'u' && kind != 'f') {
        refuse("is an ndarray of dtype ", py::str(array.dtype()).cast<std::string>(),
               "; only numbers and booleans can be written");
      }
      if (array.size() > capstone::kMaxJsonNodes)
        refuse("is an ndarray of ", array.size(), " values");
      return convert(array.attr("astype")(kind == 'f' ? "float64" : "object").attr("tolist")());
    }
    const py::module_ numpy = py::module_::import("numpy");
    if (py::isinstance(value, numpy.attr("bool_"))) return PyObject_IsTrue(value.ptr()) == 1;
    if (py::isinstance(value, numpy.attr("integer")))
      return integer(py::int_(value.attr("__int__")()));
    if (py::isinstance(value, numpy.attr("floating")))
      return py::float_(py::reinterpret_borrow<py::object>(value)).cast<double>();
    refuse("is of type ", type_name(value),
           ", which JSON has no form for; use None, bool, int, float, str, list or dict");
  }

  std::string root_;
  std::vector<Step> trail_;
  std::int64_t nodes_ = 0;
};

}  // namespace

Json json_from_python(py::handle value, const std::string& root) {
  return FromPython(root).convert(value);
}

py::object json_to_python(const Json& value) {
  switch (value.type()) {
    case Json::value_t::boolean:
      return py::bool_(value.get<bool>());
    case Json::value_t::number_integer:
      return py::int_(value.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      return py::int_(value.get<std::uint64_t>());
    case Json::value_t::number_float:
      return py::float_(value.get<double>());
    case Json::value_t::string:
      return py::str(value.get_ref<const std::string&>());
    case Json::value_t::array: {
      py::list out(value.size());
      for (std::size_t i = 0; i < value.size(); ++i) out[i] = json_to_python(value[i]);
      return out;
    }
    case Json::value_t::object: {
      py::dict out;
      for (const auto& [key, member] : value.items()) out[py::str(key)] = json_to_python(member);
      return out;
    }
    default:
      return py::none();
  }
}

}  // namespace tt::bindings
