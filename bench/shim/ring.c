/*
 * A ring of DPDK's that carries frames as a lane does: each element is 16 bytes, where
 * the frame is and how long, and a copy of the frame is made on either side.
 *
 * The ring and its buffers are in plain memory, so no EAL is needed. A frame's buffer
 * is the one that comes next in a pool longer than the ring by two bursts: what is out
 * of the ring and not yet copied is not written over.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#define BURST 64
#define COPIED 64

struct element {
	uint8_t *frame;
	uint64_t len;
};

_Static_assert(sizeof(struct element) == 16, "an element of 16 bytes");

struct lockgate_ring {
	struct rte_ring *ring;
	uint8_t *buffers;
	uint32_t stride;
	uint32_t count;
	/* The sender's own, on lines of its own. */
	struct element burst[BURST] __rte_cache_aligned;
	uint32_t prepared;
	uint32_t next;
} __rte_cache_aligned;

void lockgate_ring_free(struct lockgate_ring *r)
{
	if (r != NULL) {
		free(r->ring);
		free(r->buffers);
		free(r);
	}
}

/* NULL if there is no memory, or `slots` is no power of two. */
struct lockgate_ring *lockgate_ring_new(uint32_t slots, uint32_t stride)
{
	ssize_t bytes = rte_ring_get_memsize_elem(sizeof(struct element), slots);
	struct lockgate_ring *r = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*r));

	if (r == NULL || bytes < 0) {
		free(r);
		return NULL;
	}
	memset(r, 0, sizeof(*r));
	r->stride = stride;
	r->count = slots + 2 * BURST;
	r->ring = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE));
	r->buffers = aligned_alloc(RTE_CACHE_LINE_SIZE, (size_t)r->count * stride);
	if (r->ring == NULL || r->buffers == NULL ||
	    rte_ring_init(r->ring, "bench", slots, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		lockgate_ring_free(r);
		return NULL;
	}
	memset(r->buffers, 0, (size_t)r->count * stride);
	return r;
}

/* Copies `n` frames into the buffers that come next. */
static inline void prepare(struct lockgate_ring *r, const uint8_t *frame, uint32_t len, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *buffer = r->buffers + (size_t)r->next * r->stride;

		memcpy(buffer, frame, COPIED);
		r->burst[i].frame = buffer;
		r->burst[i].len = len;
		r->next = r->next + 1 == r->count ? 0 : r->next + 1;
	}
	r->prepared = n;
}

/*
 * Sends `n` copies of `frame`, at most 64, or none; returns how many. A burst that the
 * ring had no room for is kept and not copied again.
 */
uint32_t lockgate_ring_send(struct lockgate_ring *r, const uint8_t *frame, uint32_t len, uint32_t n)
{
	if (r->prepared == 0)
		prepare(r, frame, len, n);
	n = rte_ring_sp_enqueue_bulk_elem(r->ring, r->burst, sizeof(r->burst[0]), r->prepared, NULL);
	if (n != 0)
		r->prepared = 0;
	return n;
}

/* Takes `n` frames, at most 64, each into `into`, or none; returns how many. */
uint32_t lockgate_ring_receive(struct lockgate_ring *r, uint8_t *into, uint32_t n)
{
	struct element burst[BURST];

	n = rte_ring_sc_dequeue_bulk_elem(r->ring, burst, sizeof(burst[0]), n, NULL);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(into, burst[i].frame, COPIED);
		/* Each copy is wanted, not only the last. */
		__asm__ volatile("" : : "r"(into), "r"(burst[i].len) : "memory");
	}
	return n;
}
