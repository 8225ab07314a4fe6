/* problem.c — the few members that matter of three small documents. They may have others: the server can be newer. */
#include "agent/courier/problem.h"

#include <cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/reader.h"
#include "proto/strict.h"

const char *problem_text(int status, const char *body, size_t len, char text[PROBLEM_TEXT_ROOM])
{
	cJSON *tree = NULL;
	const char *title = NULL, *detail = NULL;

	if (strict_parse(body, len, &strict_limits_default, &tree, NULL) == KE_OK) {
		struct place at = place_root(tree);
		if (read_opt_string(&at, "title", PROBLEM_TEXT_ROOM, &title, NULL, NULL))
			title = NULL;
		if (read_opt_string(&at, "detail", PROBLEM_TEXT_ROOM, &detail, NULL, NULL) || !detail)
			detail = title;
	}
	if (detail)
		snprintf(text, PROBLEM_TEXT_ROOM, "%d: %s", status, detail);
	else
		snprintf(text, PROBLEM_TEXT_ROOM, "HTTP status %d", status);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	cJSON_Delete(tree);
	return text;
}

int problem_head(const char *body, size_t len, char text[PROBLEM_TEXT_ROOM], struct fault *f)
{
	cJSON *tree = NULL;
	struct place head;
	unsigned char epoch[8], digest[SHA256_LEN];
	char epoch_hex[17], digest_hex[2 * SHA256_LEN + 1];
	int64_t seq = 0;
	int rc = strict_parse(body, len, &strict_limits_default, &tree, f);

	if (rc)
		return rc;
	struct place at = place_root(tree);
	rc = read_object(&at, "head", &head, f);
	if (!rc)
		rc = read_hex(&head, "epoch", epoch, sizeof epoch, f);
	if (!rc)
		rc = read_int(&head, "seq", 0, STRICT_INT_MAX, &seq, f);
	if (!rc)
		rc = read_hex(&head, "head", digest, sizeof digest, f);
	if (!rc)
		snprintf(text, PROBLEM_TEXT_ROOM, "%s %" PRId64 " %s",
		        hex_encode(epoch, sizeof epoch, epoch_hex), seq,
		        hex_encode(digest, sizeof digest, digest_hex));
	cJSON_Delete(tree);
	return rc;
}

int acked_parse(const char *body, size_t len, int64_t *ret_seq, uint64_t *ret_epoch, struct fault *f)
{
	cJSON *tree = NULL;
	unsigned char epoch[8];
	int64_t seq = 0;
	int rc = strict_parse(body, len, &strict_limits_default, &tree, f);

	if (rc)
		return rc;
	struct place at = place_root(tree);
	rc = read_int(&at, "acked", 0, STRICT_INT_MAX, &seq, f);
	if (!rc)
		rc = read_hex(&at, "epoch", epoch, sizeof epoch, f);
	cJSON_Delete(tree);
	if (rc)
		return rc;
	*ret_seq = seq;
	*ret_epoch = 0;
	for (size_t i = 0; i < sizeof epoch; i++)
		*ret_epoch = *ret_epoch << 8 | epoch[i];
	return KE_OK;
}
