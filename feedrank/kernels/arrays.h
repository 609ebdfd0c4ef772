/* Arrays that come and go by the buffer protocol: borrowed for the length of a call, checked for the width of their items. */
#ifndef FEEDRANK_ARRAYS_H
#define FEEDRANK_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

/* The contiguous buffer of an array whose items have `width` bytes. */
static inline int borrow(PyObject *array, Py_buffer *view, Py_ssize_t width, int writable, const char *name) {
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(array, view, flags) < 0) return -1;
    if (view->itemsize != width) {
        PyErr_Format(PyExc_ValueError, "%s has items of %zd bytes, not %zd", name, view->itemsize, width);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

#define COUNT(view) ((int64_t)((view).len / (view).itemsize))
#define MOST_ARRAYS 16

typedef struct {
    Py_buffer views[MOST_ARRAYS];
    int held;
} arrays_t;

static inline void *take(arrays_t *arrays, PyObject *array, Py_ssize_t width, int writable, const char *name) {
    if (borrow(array, &arrays->views[arrays->held], width, writable, name) < 0) return NULL;
    void *data = arrays->views[arrays->held++].buf;
    return data ? data : (void *)arrays; /* an empty array may have no memory; nothing is read of it */
}

static inline int64_t count_of(const arrays_t *arrays, int which) { return COUNT(arrays->views[which]); }

static inline PyObject *done(arrays_t *arrays, int failed) {
    for (int i = 0; i < arrays->held; i++) PyBuffer_Release(&arrays->views[i]);
    if (PyErr_Occurred()) return NULL;
    if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static inline PyObject *wrong(arrays_t *arrays, const char *what) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, what);
    return done(arrays, 0);
}

#endif
