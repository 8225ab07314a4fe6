/* The envelope: any bytes; nothing comes out without a signature. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char seed[SIGNKEY_SEED_LEN] = { 1 };
	struct envelope *env;
	struct signkey *key;
	struct place part;

	if (envelope_open(data, size, &env, NULL))
		return 0;
	if (signkey_from_seed(seed, &key, NULL))
		abort();
	const struct pubkey *list[] = { signkey_pubkey(key) };
	struct signers who = { list, 1, 1 };
	/* Nobody who makes the input has this key. */
	if (envelope_verify(env, &who, NULL) == 0 || envelope_signed(env, &part, NULL) == 0)
		abort();
	signkey_free(key);
	envelope_free(env);
	return 0;
}
