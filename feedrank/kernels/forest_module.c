/* What module.c does for the forest: its arrays are checked to be one before a tree is walked. */
#include "arrays.h"
#include "native.h"

/* Whether every node of every tree leads to a slot of its tree that comes later, and reads a column there is. */
static int sound(const forest_t *forest, int64_t nodes, int64_t leaves) {
    if (forest->first_node[0] != 0 || forest->first_leaf[0] != 0 || forest->first_node[forest->trees] != nodes ||
        forest->first_leaf[forest->trees] != leaves)
        return 0;
    for (int64_t t = 0; t < forest->trees; t++) {
        const int32_t first = forest->first_node[t], inner = forest->first_node[t + 1] - first;
        const int32_t ends = forest->first_leaf[t + 1] - forest->first_leaf[t];
        if (inner < 0 || ends != inner + 1 || inner + ends > MOST_SLOTS) return 0;
        for (int32_t slot = 0; slot < inner; slot++) {
            const int32_t node = first + slot, left = forest->left[node], right = forest->right[node];
            if (left <= slot || right <= slot || left >= inner + ends || right >= inner + ends) return 0;
            if (forest->column[node] < 0 || forest->column[node] >= 2 * forest->features) return 0;
        }
    }
    return 1;
}

/* forest_scores(first_node, first_leaf, column, threshold, left, right, leaf_value, features, by_column, rows, out) */
PyObject *py_forest(PyObject *self, PyObject *args);

PyObject *py_forest(PyObject *self, PyObject *args) {
    PyObject *objects[9];
    long long features;
    int by_column;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOLpOO", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5], &objects[6], &features, &by_column, &objects[7], &objects[8]))
        return NULL;
    static const Py_ssize_t widths[9] = {4, 4, 4, 4, 4, 4, 8, 4, 8};
    static const char *names[9] = {"first_node", "first_leaf", "column", "threshold", "left",
                                   "right",      "leaf_value", "rows",   "out"};
    arrays_t arrays = {.held = 0};
    void *data[9];
    for (int i = 0; i < 9; i++)
        if (!(data[i] = take(&arrays, objects[i], widths[i], i == 8, names[i]))) return wrong(&arrays, "");
    const int64_t nodes = count_of(&arrays, 2), leaves = count_of(&arrays, 6), n = count_of(&arrays, 8);
    const forest_t forest = {count_of(&arrays, 0) - 1, features, data[0], data[1], data[2], data[3], data[4],
                             data[5],                  data[6]};
    if (forest.trees < 0 || features < 1 || count_of(&arrays, 1) != forest.trees + 1 || count_of(&arrays, 3) != nodes ||
        count_of(&arrays, 4) != nodes || count_of(&arrays, 5) != nodes || count_of(&arrays, 7) != n * features)
        return wrong(&arrays, "the shapes of the forest, rows and out do not agree");
    if (!sound(&forest, nodes, leaves)) return wrong(&arrays, "the forest is not one of trees");
    int failed;
    Py_BEGIN_ALLOW_THREADS;
    failed = forest_scores(&forest, data[7], n, by_column, data[8]);
    Py_END_ALLOW_THREADS;
    return done(&arrays, failed);
}
