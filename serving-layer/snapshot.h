/*
 * snapshot: what stands behind the snapshot of reader.h. For the reader, which makes them; everybody else uses reader.h.
 */
#ifndef TANDEM_SERVING_SNAPSHOT_H
#define TANDEM_SERVING_SNAPSHOT_H

#include "serving-layer/batch_view.h"
#include "serving-layer/merge.h"
#include "serving-layer/symbols.h"

struct user_windows { /* by enum window */
    const uint32_t *items[2];
    size_t n[2];
};

/* Everything is borrowed for as long as the snapshot is shown. */
struct snapshot {
    const struct batch_edition *edition;
    const struct symbols *symbols;
    const int64_t *as_of;
    bool degraded;
    const struct parts *const *rows; /* by the row's place in what was asked */
    size_t n_rows;
    const char *unserved; /* a view among them that is not answered from; NULL: none */
    struct user_windows now, at_boundary; /* the user's, as of as_of and as of the boundary */
    bool has_state;                       /* a segment >= N has the user */
    struct text state;
    struct sums *scratch;
};

#endif
