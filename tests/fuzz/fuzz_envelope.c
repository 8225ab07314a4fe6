/* The envelope: any bytes. Two keys have signed one text, and the corpus has their files; whatever else is made of them,
 * that text is all that ever comes out, and only with as many signatures as the threshold asks for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/canon.h"
#include "proto/envelope.h"

#define KEYS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char signed_text[] = "{\"names\":[\"a\",\"b\"],\"version\":1}";

/* Made once, from the seeds 01 00 00... and 02 00 00... */
static const struct pubkey *fixed_key(unsigned char i)
{
	static struct signkey *keys[KEYS];
	const unsigned char seed[SIGNKEY_SEED_LEN] = { (unsigned char)(i + 1) };

	if (!keys[i] && signkey_from_seed(seed, &keys[i], NULL))
		abort();
	return signkey_pubkey(keys[i]);
}

/* Is the signed part, now that it comes out, the text that was signed? */
static void check_text(struct envelope *env)
{
	struct buf canon = BUF_INIT(sizeof signed_text);
	struct place part;

	if (envelope_signed(env, &part, NULL) || canon_write(part.node, &canon) ||
	        strcmp(buf_text(&canon), signed_text) != 0)
		abort();
	buf_free(&canon);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pubkey *list[KEYS] = { fixed_key(0), fixed_key(1) };
	struct envelope *env;
	struct place part;
	size_t n = 0;

	if (envelope_open(data, size, &env, NULL))
		return 0;
	if (envelope_signed(env, &part, NULL) == 0)
		abort();
	struct signers who = { list, KEYS, 1 };
	if (envelope_count(env, &who, &n, NULL) || n > KEYS)
		abort();
	for (who.threshold = 0; who.threshold <= KEYS + 1 && n; who.threshold++) {
		if ((envelope_verify(env, &who, NULL) == 0) !=
		        (who.threshold > 0 && (int64_t)n >= who.threshold))
			abort();
		if ((int64_t)n >= who.threshold && who.threshold > 0)
			check_text(env);
		else if (envelope_signed(env, &part, NULL) == 0)
			abort();
	}
	envelope_free(env);
	return 0;
}
