/* The Python module `_native`: checks what it is given, releases the interpreter, calls a kernel.
 *
 * Arrays come and go by the buffer protocol, so that building needs no NumPy. Wrong types, shapes or sizes raise
 * ValueError; sizes agree before a kernel runs, so that no kernel reads beyond an array.
 */
#include "arrays.h"
#include "native.h"

PyObject *py_forest(PyObject *self, PyObject *args); /* forest_module.c */
PyObject *py_forest_scores(PyObject *self, PyObject *args);
PyObject *py_decayed(PyObject *self, PyObject *args); /* lookups_module.c */
PyObject *py_looked_up(PyObject *self, PyObject *args);
PyObject *py_rows_of(PyObject *self, PyObject *args);
PyObject *py_counted(PyObject *self, PyObject *args);
PyObject *py_taken(PyObject *self, PyObject *args);
PyObject *py_paired(PyObject *self, PyObject *args);
PyObject *py_in_slate(PyObject *self, PyObject *args); /* slates_module.c */
PyObject *py_matched(PyObject *self, PyObject *args);
PyObject *py_positions(PyObject *self, PyObject *args);
PyObject *py_distinct(PyObject *self, PyObject *args);
PyObject *py_summaries(PyObject *self, PyObject *args);
PyObject *py_foremost(PyObject *self, PyObject *args);

static int runs_avx512 = 0;

int has_avx512(void) { return runs_avx512; }

static int machine_has_avx512(void) {
#if HAS_AVX512_BUILD
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

/* use_avx512(wanted) -> whether it is used from now on. For tests of the other builds. */
static PyObject *py_use_avx512(PyObject *self, PyObject *args) {
    int wanted;
    (void)self;
    if (!PyArg_ParseTuple(args, "p", &wanted)) return NULL;
    runs_avx512 = wanted && machine_has_avx512();
    return PyBool_FromLong(runs_avx512);
}

/* products(table, half, places or None, b, m, d, out) */
static PyObject *py_products(PyObject *self, PyObject *args) {
    PyObject *table, *places, *b, *out;
    int half;
    long long m, d;
    (void)self;
    if (!PyArg_ParseTuple(args, "OpOOLLO", &table, &half, &places, &b, &m, &d, &out)) return NULL;
    arrays_t arrays = {.held = 0};
    const void *from = take(&arrays, table, half ? 2 : 4, 0, "table");
    const float *queries = from ? take(&arrays, b, 4, 0, "b") : NULL;
    float *to = queries ? take(&arrays, out, 4, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    if (m < 1 || d < 1 || count_of(&arrays, 1) != m * d || count_of(&arrays, 0) % d)
        return wrong(&arrays, "the shapes of table, b, m and d do not agree");
    const int64_t vectors = count_of(&arrays, 0) / d;
    int64_t n = vectors;
    const int32_t *at = NULL;
    if (places != Py_None) {
        at = take(&arrays, places, 4, 0, "places");
        if (!at) return wrong(&arrays, "");
        n = count_of(&arrays, 3);
        for (int64_t i = 0; i < n; i++)
            if (at[i] >= vectors) return wrong(&arrays, "a place lies beyond the table");
    }
    if (count_of(&arrays, 2) != n * m) return wrong(&arrays, "out does not have one entry for each product");
    int failed;
    Py_BEGIN_ALLOW_THREADS;
    failed = products(from, half, at, n, queries, m, d, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, failed);
}

/* greatest(scores (n, m), column, rows, alive, k, keys) -> count */
static PyObject *py_greatest(PyObject *self, PyObject *args) {
    PyObject *scores, *rows, *alive, *keys;
    long long m, column, k;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLLOOLO", &scores, &m, &column, &rows, &alive, &k, &keys)) return NULL;
    arrays_t arrays = {.held = 0};
    const float *values = take(&arrays, scores, 4, 0, "scores");
    const int32_t *row_of = values ? take(&arrays, rows, 4, 0, "rows") : NULL;
    const uint8_t *alive_at = row_of ? take(&arrays, alive, 1, 0, "alive") : NULL;
    uint64_t *to = alive_at ? take(&arrays, keys, 8, 1, "keys") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 1);
    if (m < 1 || column < 0 || column >= m || k < 1 || count_of(&arrays, 0) != n * m || count_of(&arrays, 2) != n ||
        count_of(&arrays, 3) < 3 * k + 256)
        return wrong(&arrays, "the shapes of scores, rows, alive and keys do not agree");
    int64_t found;
    Py_BEGIN_ALLOW_THREADS;
    found = greatest(values + column, m, row_of, alive_at, n, k, to);
    Py_END_ALLOW_THREADS;
    Py_XDECREF(done(&arrays, 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(found);
}

/* nearest(table, half, rows, alive, places or None, queries (m, d), m, k, keys (m, 3 k + 256), counts) */
static PyObject *py_nearest(PyObject *self, PyObject *args) {
    PyObject *table, *rows, *alive, *places, *b, *keys, *counts;
    int half;
    long long m, k;
    (void)self;
    if (!PyArg_ParseTuple(args, "OpOOOOLLOO", &table, &half, &rows, &alive, &places, &b, &m, &k, &keys, &counts))
        return NULL;
    arrays_t arrays = {.held = 0};
    const void *from = take(&arrays, table, half ? 2 : 4, 0, "table");
    const int32_t *row_of = from ? take(&arrays, rows, 4, 0, "rows") : NULL;
    const uint8_t *alive_at = row_of ? take(&arrays, alive, 1, 0, "alive") : NULL;
    const float *queries = alive_at ? take(&arrays, b, 4, 0, "queries") : NULL;
    uint64_t *to = queries ? take(&arrays, keys, 8, 1, "keys") : NULL;
    int64_t *found = to ? take(&arrays, counts, 8, 1, "counts") : NULL;
    if (!found) return wrong(&arrays, "");
    const int64_t vectors = count_of(&arrays, 1), d = m > 0 ? count_of(&arrays, 3) / m : 0;
    if (m < 1 || k < 1 || d < 1 || count_of(&arrays, 3) != m * d || count_of(&arrays, 0) != vectors * d ||
        count_of(&arrays, 2) != vectors || count_of(&arrays, 4) != m * (3 * k + 256) || count_of(&arrays, 5) != m)
        return wrong(&arrays, "the shapes of table, rows, alive, queries, keys and counts do not agree");
    int64_t n = vectors;
    const int32_t *at = NULL;
    if (places != Py_None) {
        at = take(&arrays, places, 4, 0, "places");
        if (!at) return wrong(&arrays, "");
        n = count_of(&arrays, 6);
        for (int64_t i = 0; i < n; i++)
            if (at[i] < 0 || at[i] >= vectors) return wrong(&arrays, "a place lies beyond the table");
    }
    int failed;
    Py_BEGIN_ALLOW_THREADS;
    failed = nearest(from, half, row_of, alive_at, at, n, queries, m, d, k, to, found);
    Py_END_ALLOW_THREADS;
    return done(&arrays, failed);
}

/* unpacked(table, d, places, out) */
static PyObject *py_unpacked(PyObject *self, PyObject *args) {
    PyObject *table, *places, *out;
    long long d;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLOO", &table, &d, &places, &out)) return NULL;
    arrays_t arrays = {.held = 0};
    const uint16_t *from = take(&arrays, table, 2, 0, "table");
    const int32_t *at = from ? take(&arrays, places, 4, 0, "places") : NULL;
    float *to = at ? take(&arrays, out, 4, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 1);
    if (d < 1 || count_of(&arrays, 0) % d || count_of(&arrays, 2) != n * d)
        return wrong(&arrays, "the shapes of table, places and out do not agree");
    for (int64_t i = 0; i < n; i++)
        if (at[i] >= count_of(&arrays, 0) / d) return wrong(&arrays, "a place lies beyond the table");
    unpacked(from, at, n, d, to);
    return done(&arrays, 0);
}

/* raised(values, table (v, d), d, places, chosen) */
static PyObject *py_raised(PyObject *self, PyObject *args) {
    PyObject *values, *table, *places;
    long long d, chosen;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOLOL", &values, &table, &d, &places, &chosen)) return NULL;
    arrays_t arrays = {.held = 0};
    double *to = take(&arrays, values, 8, 1, "values");
    const uint16_t *from = to ? take(&arrays, table, 2, 0, "table") : NULL;
    const int32_t *at = from ? take(&arrays, places, 4, 0, "places") : NULL;
    if (!at) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 0);
    if (d < 1 || count_of(&arrays, 1) % d || count_of(&arrays, 2) != n)
        return wrong(&arrays, "the shapes of values, table, places and d do not agree");
    const int64_t vectors = count_of(&arrays, 1) / d;
    for (int64_t i = 0; i < n; i++)
        if (at[i] >= vectors) return wrong(&arrays, "a place lies beyond the table");
    if (chosen < 0 || chosen >= vectors) return wrong(&arrays, "the chosen vector lies beyond the table");
    return done(&arrays, raised(to, from, at, n, chosen, d));
}

/* ward(squares, cut, most, sizes, cluster) */
static PyObject *py_ward(PyObject *self, PyObject *args) {
    PyObject *squares, *sizes, *cluster;
    double cut;
    long long most;
    (void)self;
    if (!PyArg_ParseTuple(args, "OdLOO", &squares, &cut, &most, &sizes, &cluster)) return NULL;
    arrays_t arrays = {.held = 0};
    double *from = take(&arrays, squares, 8, 1, "squares");
    double *room = from ? take(&arrays, sizes, 8, 1, "sizes") : NULL;
    int64_t *to = room ? take(&arrays, cluster, 8, 1, "cluster") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 2);
    if (count_of(&arrays, 0) != n * n || count_of(&arrays, 1) != n)
        return wrong(&arrays, "the shapes of squares, sizes and cluster do not agree");
    Py_BEGIN_ALLOW_THREADS;
    ward(from, n, cut, most, room, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, 0);
}

static PyMethodDef methods[] = {
    {"use_avx512", py_use_avx512, METH_VARARGS, "Whether AVX-512 builds run, where the machine has it."},
    {"products", py_products, METH_VARARGS, "Inner products; see feedrank.kernels."},
    {"greatest", py_greatest, METH_VARARGS, "Keys of the greatest scores; see feedrank.kernels."},
    {"nearest", py_nearest, METH_VARARGS, "Keys of the greatest products; see feedrank.kernels."},
    {"unpacked", py_unpacked, METH_VARARGS, "Vectors as float32; see feedrank.kernels."},
    {"raised", py_raised, METH_VARARGS, "Values raised to inner products; see feedrank.kernels."},
    {"foremost", py_foremost, METH_VARARGS, "The greatest open value; see feedrank.kernels."},
    {"in_slate", py_in_slate, METH_VARARGS, "Places or standard scores in each slate; see feedrank.kernels."},
    {"positions", py_positions, METH_VARARGS, "Where rows stand among others; see feedrank.kernels."},
    {"distinct", py_distinct, METH_VARARGS, "Rows without repeats; see feedrank.kernels."},
    {"summaries", py_summaries, METH_VARARGS, "Greatest values and sums of rows; see feedrank.kernels."},
    {"decayed", py_decayed, METH_VARARGS, "Decayed sums of rows; see feedrank.kernels."},
    {"looked_up", py_looked_up, METH_VARARGS, "Weights of pairs; see feedrank.kernels."},
    {"counted", py_counted, METH_VARARGS, "Adds to kinds of rows; see feedrank.kernels."},
    {"taken", py_taken, METH_VARARGS, "Columns' entries at rows; see feedrank.kernels."},
    {"paired", py_paired, METH_VARARGS, "Adds to pairs kept in tiers; see feedrank.kernels."},
    {"rows_of", py_rows_of, METH_VARARGS, "Rows of pairs kept in tiers; see feedrank.kernels."},
    {"ward", py_ward, METH_VARARGS, "Ward's clusters; see feedrank.kernels."},
    {"matched", py_matched, METH_VARARGS, "Groups of equal keys; see feedrank.kernels."},
    {"forest", py_forest, METH_VARARGS, "A forest laid out for scoring; see feedrank.kernels."},
    {"forest_scores", py_forest_scores, METH_VARARGS, "Scores of a forest; see feedrank.kernels."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "Compiled kernels.", -1, methods,
                                        NULL,                  NULL,      NULL,                NULL};

PyMODINIT_FUNC PyInit__native(void) {
    runs_avx512 = machine_has_avx512();
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddIntConstant(module, "AVX512", runs_avx512) < 0) Py_CLEAR(module);
    return module;
}
