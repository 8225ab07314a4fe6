/* Any bytes as two files of sysctl.d, cut at the first NUL: at most one line wins, and it is an assignment. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/precedence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct name key = { "net/ipv4/conf/eth0.1/rp_filter" };
	const char *text = (const char *)data, *cut = size ? memchr(text, '\0', size) : NULL;
	size_t first = cut ? (size_t)(cut - text) : size;
	const struct precedence_file files[] = { { text, first }, { text + first, size - first } };

	for (int program = 0; program < PRECEDENCE_PROGRAMS; program++) {
		struct precedence p;
		size_t winners = 0;
		if (precedence_judge((enum precedence_program)program, files, 2, &key, &p))
			abort();
		for (size_t i = 0; i < p.n; i++) {
			winners += p.rows[i].effect == PRECEDENCE_WINS;
			if (p.rows[i].effect == PRECEDENCE_WINS && !p.rows[i].value)
				abort();
		}
		if (winners > 1 || (winners == 1) != (precedence_winner(&p) != NULL))
			abort();
		precedence_clear(&p);
	}
	return 0;
}
