/*
 * DPDK's Toeplitz hashes, 32 tuples at a time.
 *
 * They are inline functions of DPDK's headers, so the loop is here, where the compiler
 * sees both. The two lengths are constants, as they are for a caller who knows what it
 * parsed.
 */

#include <rte_thash.h>

#define TUPLES 32
#define KEY_BYTES 40

/*
 * Whether this processor can run the vector hash. rte_thash_gfni_supported() says
 * whether the library was built for it, which a distribution's is not; the functions are
 * in the header and built here.
 */
int lockgate_gfni_supported(void)
{
	return __builtin_cpu_supports("gfni") && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
}

/* The key as rte_softrss_be wants it: words in the processor's order. */
void lockgate_convert_key(const uint8_t *key, uint32_t *words)
{
	rte_convert_rss_key((const uint32_t *)key, words, KEY_BYTES);
}

/* The key as the vector hash wants it: a matrix of bits for each of its bytes. */
void lockgate_complete_matrix(const uint8_t *key, uint64_t *matrices)
{
	rte_thash_complete_matrix(matrices, key, KEY_BYTES);
}

static inline void softrss(const uint32_t *words, uint32_t *tuples, uint32_t *out, uint32_t len)
{
	for (int i = 0; i < TUPLES; i++)
		out[i] = rte_softrss_be(tuples + i * len, len, (const uint8_t *)words);
}

/* `tuples` are words in the processor's order, `bytes` long each, 12 or 36. */
void lockgate_softrss_be(const uint32_t *words, uint32_t *tuples, uint32_t *out, int bytes)
{
	if (bytes == 12)
		softrss(words, tuples, out, 3);
	else
		softrss(words, tuples, out, 9);
}

static inline void gfni(const uint64_t *matrices, const uint8_t *tuples, uint32_t *out, int len)
{
	for (int i = 0; i < TUPLES; i++)
		out[i] = rte_thash_gfni(matrices, tuples + i * len, len);
}

/* `tuples` as on the wire, one behind the other. */
void lockgate_gfni(const uint64_t *matrices, const uint8_t *tuples, uint32_t *out, int bytes)
{
	if (bytes == 12)
		gfni(matrices, tuples, out, 12);
	else
		gfni(matrices, tuples, out, 36);
}

/* The same in one call, which takes pointers. */
void lockgate_gfni_bulk(const uint64_t *matrices, uint8_t **tuples, uint32_t *out, int bytes)
{
	if (bytes == 12)
		rte_thash_gfni_bulk(matrices, 12, tuples, out, TUPLES);
	else
		rte_thash_gfni_bulk(matrices, 36, tuples, out, TUPLES);
}
