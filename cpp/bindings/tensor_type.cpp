#include "tensor_type.hpp"

#include <new>

#include "errors.hpp"
#include "gil.hpp"
#include "index_key.hpp"
#include "numpy_bridge.hpp"
#include "python_node.hpp"
#include "tinytorch/autograd/functions.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using autograd::Tensor;

PyTypeObject* g_base = nullptr;    // TensorBase
PyObject* g_class = nullptr;       // tinytorch.Tensor, once registered
PyObject* g_grad_class = nullptr;  // ndarray subclass for gradients

PyTensor* self_of(PyObject* o) { return reinterpret_cast<PyTensor*>(o); }

const Tensor& checked(PyObject* o) {
  const Tensor& t = self_of(o)->tensor;
  if (!t.defined())
    fail<StateError>("this Tensor was never initialised; call super().__init__(data)");
  return t;
}

// ---- life ------------------------------------------------------------------------------------

PyObject* tensor_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* o = type->tp_alloc(type, 0);  // zeroed
  if (o != nullptr) new (&self_of(o)->tensor) Tensor();
  return o;
}

// The Python object behind the tensor's node, if only this tensor keeps it alive. The garbage
// collector must see it: a node defined in Python often refers to the result that it belongs to.
PyObject* owned_function(PyObject* o) {
  const Tensor& t = self_of(o)->tensor;
  if (!t.defined() || t.impl().use_count() != 1) return nullptr;
  const auto& meta = t.meta_or_null();
  if (!meta || meta.use_count() != 1 || meta->grad_fn.use_count() != 1) return nullptr;
  return python_function(*meta->grad_fn);
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(self_of(o)->data);
  Py_VISIT(self_of(o)->grad);
  Py_VISIT(self_of(o)->grad_fn);
  Py_VISIT(owned_function(o));
  Py_VISIT(Py_TYPE(o));
  return 0;
}

void drop_python_side(PyObject* o) {
  Py_CLEAR(self_of(o)->data);
  Py_CLEAR(self_of(o)->grad);
  Py_CLEAR(self_of(o)->grad_fn);
}

int tensor_clear(PyObject* o) {
  drop_python_side(o);
  if (owned_function(o) != nullptr) self_of(o)->tensor.meta()->grad_fn.reset();
  return 0;
}

void tensor_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self_of(o)->tensor.defined()) self_of(o)->tensor.impl()->python = nullptr;
  drop_python_side(o);
  self_of(o)->tensor.~Tensor();
  type->tp_free(o);
  Py_DECREF(type);
}

// _set(array, requires_grad): the constructor's engine part. The ndarray is adopted, not copied.
PyObject* tensor_set(PyObject* o, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject* array = nullptr;
    int requires_grad = 0;
    if (!PyArg_ParseTuple(args, "Op", &array, &requires_grad)) throw py::error_already_set();
    PyTensor* self = self_of(o);
    const auto values = py::cast<py::array>(py::handle(array));
    if (self->tensor.defined()) self->tensor.impl()->python = nullptr;  // __init__ called again
    drop_python_side(o);
    self->tensor = Tensor(from_numpy(values), requires_grad != 0);
    self->tensor.impl()->python = o;
    if (self->tensor.array().raw() == values.data()) {
      self->data = py::reinterpret_borrow<py::object>(values).release().ptr();
    }
    Py_RETURN_NONE;
  });
}

// ---- attributes ------------------------------------------------------------------------------

void unshare(PyTensor* self) {
  const Array& a = self->tensor.array();
  if (a.storage()->foreign()) return;  // shared on purpose: from_numpy, from_dlpack
  if (!a.unique() || !a.is_contiguous()) self->tensor.set_array(a.copy());
}

PyObject* get_data(PyObject* o, void*) {
  return guarded([&] {
    checked(o);
    PyTensor* self = self_of(o);
    if (self->data == nullptr) {
      unshare(self);
      self->data = to_numpy(self->tensor.array()).release().ptr();
    }
    return Py_NewRef(self->data);
  });
}

int set_data(PyObject* o, PyObject* value, void*) {
  return guarded_status([&] {
    if (value == nullptr) fail<TypeError>("cannot delete the data of a Tensor");
    PyTensor* self = self_of(o);
    const DType dtype = checked(o).dtype() == DType::f64 ? DType::f64 : DType::f32;
    py::object array;
    Array adopted;
    if (is_tensor(value)) {
      adopted = tensor_of(value).array().astype(dtype).copy();
    } else {
      adopted = from_object(value, dtype);
      const bool same = py::isinstance<py::array>(value) && adopted.is_contiguous() &&
                        adopted.storage()->writable() &&
                        adopted.raw() == py::reinterpret_borrow<py::array>(value).data();
      if (same) {
        array = py::reinterpret_borrow<py::object>(value);
      } else {
        adopted = adopted.copy();
      }
    }
    self->tensor.set_array(adopted);
    Py_XSETREF(self->data, array ? array.release().ptr() : nullptr);
  });
}

class UserGrad final : public autograd::GradSource {
 public:
  UserGrad(py::object value, DType dtype)
      : value_(std::move(value)), dtype_(autograd::gradient_type(dtype)) {}
  Array read() const override {
    AcquireGil gil;
    if (is_tensor(value_.get())) return tensor_of(value_.get()).array().astype(dtype_);
    return from_object(value_.get(), dtype_);
  }

 private:
  PyRef value_;
  DType dtype_;
};

PyObject* get_grad(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = checked(o);
    PyTensor* self = self_of(o);
    const auto& meta = t.meta_or_null();
    if (!meta) Py_RETURN_NONE;
    const auto user = meta->user_grad();
    if (user && self->grad != nullptr) return Py_NewRef(self->grad);
    const Array grad = user ? user->read() : meta->grad();
    if (user) return to_numpy(grad).release().ptr();
    if (!grad.defined()) {
      Py_CLEAR(self->grad);
      Py_RETURN_NONE;
    }
    if (self->grad == nullptr || self->grad_storage != grad.storage().get()) {
      py::object array = to_numpy(grad);
      if (g_grad_class != nullptr) array = array.attr("view")(py::handle(g_grad_class));
      self->grad_storage = grad.storage().get();
      Py_XSETREF(self->grad, array.release().ptr());
    }
    return Py_NewRef(self->grad);
  });
}

int set_grad(PyObject* o, PyObject* value, void*) {
  return guarded_status([&] {
    const Tensor& t = checked(o);
    PyTensor* self = self_of(o);
    if (value == nullptr || value == Py_None) {
      t.zero_grad();
      Py_CLEAR(self->grad);
      return;
    }
    t.meta()->set_grad(
        Array(), std::make_shared<UserGrad>(py::reinterpret_borrow<py::object>(value), t.dtype()));
    Py_XSETREF(self->grad, Py_NewRef(value));
    self->grad_storage = nullptr;
  });
}

PyObject* get_grad_fn(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    const auto& meta = checked(o).meta_or_null();
    PyTensor* self = self_of(o);
    if (!meta || !meta->grad_fn) Py_RETURN_NONE;
    if (self->grad_fn == nullptr || self->node != meta->grad_fn.get()) {
      py::object object = node_object(meta->grad_fn);
      self->node = meta->grad_fn.get();
      Py_XSETREF(self->grad_fn, object.release().ptr());
    }
    return Py_NewRef(self->grad_fn);
  });
}

int set_grad_fn(PyObject* o, PyObject* value, void*) {
  return guarded_status([&] {
    const Tensor& t = checked(o);
    PyTensor* self = self_of(o);
    if (value == nullptr || value == Py_None) {
      if (t.meta_or_null()) t.meta()->grad_fn.reset();
      Py_CLEAR(self->grad_fn);
      return;
    }
    t.meta()->grad_fn = node_from_object(value);
    self->node = t.meta()->grad_fn.get();
    Py_XSETREF(self->grad_fn, Py_NewRef(value));
  });
}

PyObject* get_requires_grad(PyObject* o, void*) {
  return guarded([&] { return PyBool_FromLong(checked(o).requires_grad()); });
}

int set_requires_grad(PyObject* o, PyObject* value, void*) {
  return guarded_status([&] {
    const int truth = value == nullptr ? 0 : PyObject_IsTrue(value);
    if (truth < 0) throw py::error_already_set();
    checked(o);
    self_of(o)->tensor.set_requires_grad(truth == 1);
  });
}

PyObject* get_shape(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    const Shape& shape = checked(o).shape();
    PyObject* out = PyTuple_New(shape.size());
    if (out == nullptr) throw py::error_already_set();
    for (int d = 0; d < shape.size(); ++d) PyTuple_SET_ITEM(out, d, PyLong_FromLongLong(shape[d]));
    return out;
  });
}
PyObject* get_size(PyObject* o, void*) {
  return guarded([&] { return PyLong_FromLongLong(checked(o).array().size()); });
}
PyObject* get_ndim(PyObject* o, void*) {
  return guarded([&] { return PyLong_FromLong(checked(o).array().ndim()); });
}
PyObject* get_dtype(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    const DType dtype = checked(o).dtype();
    if (dtype == DType::bf16) return PyUnicode_FromString("bfloat16");
    return numpy_dtype(dtype).release().ptr();
  });
}

PyGetSetDef g_attributes[] = {
    {"data", get_data, set_data, "The values as a writable ndarray over the tensor's memory.",
     nullptr},
    {"grad", get_grad, set_grad, "None, or the gradient that backward() added up.", nullptr},
    {"_grad_fn", get_grad_fn, set_grad_fn, "The operation that made this tensor, or None.",
     nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad,
     "Whether operations on this tensor are recorded.", nullptr},
    {"shape", get_shape, nullptr, "Sizes as a tuple of ints.", nullptr},
    {"size", get_size, nullptr, "Number of elements.", nullptr},
    {"ndim", get_ndim, nullptr, "Number of dimensions.", nullptr},
    {"dtype", get_dtype, nullptr, "Element type as a NumPy dtype.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef g_methods[] = {
    {"_set", tensor_set, METH_VARARGS, "_set(array, requires_grad): adopt the array's memory."},
    {nullptr, nullptr, 0, nullptr}};

// ---- operators -------------------------------------------------------------------------------

// None: NotImplemented, so that Python asks the other operand.
std::optional<Tensor> operator_operand(PyObject* o, PyObject* other) {
  if (is_tensor(o)) return checked(o);
  const bool number = PyFloat_Check(o) || PyLong_Check(o) || PyNumber_Check(o);
  if (!number && !PyList_Check(o) && !PyTuple_Check(o)) return std::nullopt;
  const Tensor* like = is_tensor(other) ? &checked(other) : nullptr;
  return operand(o, like);
}

template <class Fn>
PyObject* binary_slot(PyObject* a, PyObject* b, Fn fn) {
  return guarded([&]() -> PyObject* {
    auto x = operator_operand(a, b), y = operator_operand(b, a);
    if (!x || !y) Py_RETURN_NOTIMPLEMENTED;
    Tensor out;
    {
      const WithoutGil released(*x, *y);
      out = fn(*x, *y);
    }
    return wrap(out);
  });
}

PyObject* slot_add(PyObject* a, PyObject* b) { return binary_slot(a, b, autograd::add); }
PyObject* slot_sub(PyObject* a, PyObject* b) { return binary_slot(a, b, autograd::sub); }
PyObject* slot_mul(PyObject* a, PyObject* b) { return binary_slot(a, b, autograd::mul); }
PyObject* slot_div(PyObject* a, PyObject* b) { return binary_slot(a, b, autograd::div); }
PyObject* slot_pow(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary_slot(a, b, [](const Tensor& x, const Tensor& y) {
    return autograd::binary(ops::Binary::pow, x, y);
  });
}
PyObject* slot_neg(PyObject* a) {
  return guarded([&] { return wrap(autograd::unary(ops::Unary::neg, checked(a))); });
}
PyObject* slot_abs(PyObject* a) {
  return guarded([&] { return wrap(autograd::unary(ops::Unary::abs, checked(a))); });
}
int slot_bool(PyObject*) { return 1; }

PyObject* slot_getitem(PyObject* o, PyObject* key) {
  return guarded([&] {
    const Tensor& t = checked(o);
    return wrap(unshared_view(autograd::index(t, index_key(key)), o));
  });
}
PyObject* slot_item(PyObject* o, Py_ssize_t i) {
  return guarded([&] {
    return wrap(unshared_view(autograd::index(checked(o), {static_cast<index_t>(i)}), o));
  });
}
Py_ssize_t slot_length(PyObject* o) {
  Py_ssize_t length = -1;
  const int status = guarded_status([&] {
    const Array& a = checked(o).array();
    if (a.ndim() == 0) fail<TypeError>("len() of a 0-d tensor");
    length = a.shape(0);
  });
  return status == 0 ? length : -1;
}

template <class Fn>
PyType_Slot slot(int id, Fn* function) {
  return {id, reinterpret_cast<void*>(function)};
}

}  // namespace

bool is_tensor(py::handle object) { return PyObject_TypeCheck(object.ptr(), g_base); }

const Tensor& tensor_of(py::handle object) { return checked(object.ptr()); }

PyObject* wrap(const Tensor& tensor) {
  auto* existing = static_cast<PyObject*>(tensor.impl()->python);
  if (existing != nullptr) return Py_NewRef(existing);
  auto* type = reinterpret_cast<PyTypeObject*>(
      g_class != nullptr ? g_class : reinterpret_cast<PyObject*>(g_base));
  PyObject* o = tensor_new(type, nullptr, nullptr);
  if (o == nullptr) throw py::error_already_set();
  self_of(o)->tensor = tensor;
  tensor.impl()->python = o;
  return o;
}

Tensor operand(py::handle object, const Tensor* like) {
  if (is_tensor(object)) return tensor_of(object);
  const DType dtype = like != nullptr && is_float(like->dtype()) ? like->dtype() : DType::f32;
  return Tensor(from_object(object, dtype));
}

// A copy of no more than the view shows: broadcast dimensions stay broadcast.
Array copy_of_view(const Array& view) {
  Shape distinct = view.shape();
  for (int d = 0; d < view.ndim(); ++d) {
    if (view.strides()[d] == 0 && distinct[d] > 1) distinct[d] = 1;
  }
  return view.with(distinct, view.strides(), view.offset()).copy().expand(view.shape());
}

Tensor unshared_view(Tensor view, py::handle source) {
  const bool shared = view.array().storage().get() == tensor_of(source).array().storage().get();
  if (!shared) return view;
  if (raw(source)->data != nullptr || view.array().storage()->foreign()) {
    view.set_array(copy_of_view(view.array()));
  } else {
    view.array().storage()->mark_viewed();
  }
  return view;
}

void bind_tensor_type(py::module_& m) {
  PyType_Slot slots[] = {slot(Py_tp_new, tensor_new),
                         slot(Py_tp_dealloc, tensor_dealloc),
                         slot(Py_tp_traverse, tensor_traverse),
                         slot(Py_tp_clear, tensor_clear),
                         {Py_tp_getset, g_attributes},
                         {Py_tp_methods, g_methods},
                         slot(Py_nb_add, slot_add),
                         slot(Py_nb_subtract, slot_sub),
                         slot(Py_nb_multiply, slot_mul),
                         slot(Py_nb_true_divide, slot_div),
                         slot(Py_nb_power, slot_pow),
                         slot(Py_nb_negative, slot_neg),
                         slot(Py_nb_absolute, slot_abs),
                         slot(Py_nb_bool, slot_bool),
                         slot(Py_mp_subscript, slot_getitem),
                         slot(Py_mp_length, slot_length),
                         slot(Py_sq_item, slot_item),
                         {0, nullptr}};
  PyType_Spec spec = {"tinytorch._core.TensorBase", static_cast<int>(sizeof(PyTensor)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  g_base = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (g_base == nullptr) throw py::error_already_set();
  m.add_object("TensorBase",
               py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(g_base)));
  m.def(
      "set_tensor_class",
      [](py::type tensor_class, py::type grad_class) {
        if (!PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(tensor_class.ptr()), g_base)) {
          fail<TypeError>("the tensor class must derive from TensorBase");
        }
        Py_XSETREF(g_class, tensor_class.release().ptr());
        Py_XSETREF(g_grad_class, grad_class.release().ptr());
      },
      py::arg("tensor_class"), py::arg("grad_class"));
}

}  // namespace tt::bindings
