/* sign_edits.c — what is done to the signatures of a file, and to its text as a whole. Root and pair need two signatures
 * and have two; all others need one and have one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/peers/edits.h"

static void drop_first(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	memmove(rows, rows + 1, (*n - 1) * sizeof *rows);
	--*n;
}

static void first_twice(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++] = rows[0];
}

/* As many entries as the threshold wants, all by one key. */
static void one_key_only(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	for (size_t i = 1; i < *n; i++)
		rows[i] = rows[0];
}

static void twice_one_bad(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[*n] = rows[0];
	rows[(*n)++].hex[0] ^= 1;
}

static void upper_case(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	for (char *p = rows[0].hex; *p; p++)
		if (*p >= 'a' && *p <= 'f')
			*p = (char)(*p - 'a' + 'A');
}

static void upper_case_id(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	for (char *p = rows[0].keyid; *p; p++)
		if (*p >= 'a' && *p <= 'f')
			*p = (char)(*p - 'a' + 'A');
}

static void flip(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	rows[0].hex[7] = rows[0].hex[7] == '0' ? '1' : '0';
}

static void empty_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	rows[0].hex[0] = '\0';
}

static void odd_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	rows[0].hex[strlen(rows[0].hex) - 1] = '\0';
}

static void short_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	rows[0].hex[strlen(rows[0].hex) - 2] = '\0';
}

static void append(struct signature_row *row, const char *text)
{
	size_t n = strlen(row->hex);

	snprintf(row->hex + n, sizeof row->hex - n, "%s", text);
}

static void long_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	append(&rows[0], "00");
}

static void tail_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	append(&rows[0], "zz");
}

static void half_digit_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	append(&rows[0], "0");
}

static void blank_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	memmove(rows[0].hex + 1, rows[0].hex, strlen(rows[0].hex) + 1);
	rows[0].hex[0] = ' ';
}

static void swap_ids(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	if (*n < 2) {
		memset(rows[0].keyid, '0', 64);
		return;
	}
	struct signature_row first = rows[0];
	memcpy(rows[0].hex, rows[1].hex, sizeof first.hex);
	memcpy(rows[1].hex, first.hex, sizeof first.hex);
}

static void reverse(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	for (size_t i = 0, k = *n - 1; i < k; i++, k--) {
		struct signature_row row = rows[i];
		rows[i] = rows[k];
		rows[k] = row;
	}
}

static void stranger(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"00\",\"sig\":\"00\"}";
}

static void stranger_empty(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"0011\",\"sig\":\"\"}";
}

static void stranger_no_hex(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"0011\",\"sig\":\"no hex\"}";
}

static void no_sig(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"00\"}";
}

static void no_keyid(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"sig\":\"00\"}";
}

static void sig_number(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"00\",\"sig\":0}";
}

static void entry_null(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "null";
}

static void entry_more(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"00\",\"sig\":\"00\",\"x\":{\"y\":1}}";
}

static void keyid_proto(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[(*n)++].whole = "{\"keyid\":\"constructor\",\"sig\":\"00\"}";
}

#define R_SIGN (R_ALL | R_PAIR)
const struct sign_edit sign_edits[] = {
	{ "sig-first-dropped", R_SIGN, drop_first, NULL, REFUSE },
	{ "sig-twice", R_SIGN, first_twice, NULL, REFUSE },
	{ "sig-one-key-only", R_ROOT | R_PAIR, one_key_only, NULL, REFUSE },
	{ "sig-twice-one-bad", R_SIGN, twice_one_bad, NULL, REFUSE },
	{ "sig-upper-case", R_SIGN, upper_case, NULL, FREE },
	{ "sig-upper-case-id", R_SIGN, upper_case_id, NULL, REFUSE },
	{ "sig-flipped", R_SIGN, flip, NULL, REFUSE },
	{ "sig-empty", R_SIGN, empty_sig, NULL, REFUSE },
	{ "sig-odd", R_SIGN, odd_sig, NULL, REFUSE },
	{ "sig-short", R_SIGN, short_sig, NULL, REFUSE },
	{ "sig-long", R_SIGN, long_sig, NULL, REFUSE },
	{ "sig-tail", R_SIGN, tail_sig, NULL, REFUSE },
	{ "sig-half-digit", R_SIGN, half_digit_sig, NULL, REFUSE },
	{ "sig-blank", R_SIGN, blank_sig, NULL, REFUSE },
	{ "sig-ids-swapped", R_SIGN, swap_ids, NULL, REFUSE },
	{ "sig-reversed", R_SIGN, reverse, NULL, ACCEPT },
	{ "sig-stranger", R_SIGN, stranger, NULL, ACCEPT },
	{ "sig-stranger-empty", R_SIGN, stranger_empty, NULL, ACCEPT },
	{ "sig-stranger-no-hex", R_SIGN, stranger_no_hex, NULL, FREE },
	{ "sig-no-sig", R_SIGN, no_sig, NULL, FREE },
	{ "sig-no-keyid", R_SIGN, no_keyid, NULL, FREE },
	{ "sig-number", R_SIGN, sig_number, NULL, FREE },
	{ "sig-null", R_SIGN, entry_null, NULL, FREE },
	{ "sig-more-members", R_SIGN, entry_more, NULL, ACCEPT },
	{ "sig-keyid-constructor", R_SIGN, keyid_proto, NULL, FREE },
	{ "signatures-missing", R_SIGN, NULL, "", REFUSE },
	{ "signatures-null", R_SIGN, NULL, "null", REFUSE },
	{ "signatures-empty", R_SIGN, NULL, "[]", REFUSE },
	{ "signatures-map", R_SIGN, NULL, "{}", REFUSE },
	{ "signatures-string", R_SIGN, NULL, "\"\"", REFUSE },
};
const size_t n_sign_edits = sizeof sign_edits / sizeof sign_edits[0];

static void replace(struct buf *text, const char *with)
{
	buf_clear(text);
	buf_str(text, with);
}

static void put_before(struct buf *text, const char *what)
{
	struct buf all = BUF_INIT(TUF_META_MAX);

	buf_str(&all, what);
	buf_bytes(&all, text->data, text->len);
	buf_free(text);
	*text = all;
}

/* WHAT is put behind the opening brace. */
static void put_first(struct buf *text, const char *what)
{
	text->data[0] = ' ';
	put_before(text, what);
}

#define WRAP(NAME, ...)                                                                                      \
	static void NAME(struct draft *d, struct buf *text, struct dice *dice)                               \
	{                                                                                                    \
		(void)d, (void)dice;                                                                         \
		__VA_ARGS__;                                                                                 \
	}
WRAP(bom, put_before(text, "\xef\xbb\xbf"))
WRAP(blanks_before, put_before(text, " \n\t\r"))
WRAP(blanks_behind, buf_str(text, " \n\t\r"))
WRAP(form_feed, buf_str(text, "\f"))
WRAP(letter_behind, buf_str(text, "x"))
WRAP(brace_behind, buf_str(text, "}"))
WRAP(object_behind, buf_str(text, "{}"))
WRAP(nul_behind, buf_bytes(text, "\0", 1))
WRAP(comment_before, put_before(text, "/* */"))
WRAP(comment_behind, buf_str(text, "//"))
WRAP(truncated, text->len--; text->data[text->len] = '\0')
WRAP(halved, text->len /= 2; text->data[text->len] = '\0')
WRAP(emptied, replace(text, ""))
WRAP(to_null, replace(text, "null"))
WRAP(to_list, put_before(text, "["); buf_char(text, ']'))
WRAP(to_object, replace(text, "{}"))
WRAP(to_number, replace(text, "1"))
WRAP(comma_behind, text->data[text->len - 1] = ','; buf_char(text, '}'))
WRAP(unknown_outside, put_first(text, "{\"x-new\":{\"a\":1.5},"))
WRAP(unknown_outside_int, put_first(text, "{\"x-new\":{\"a\":1},"))
WRAP(signed_twice, put_first(text, "{\"signed\":{},"))
WRAP(signed_twice_last, text->data[text->len - 1] = ','; buf_str(text, "\"signed\":{}}"))
WRAP(signatures_twice, put_first(text, "{\"signatures\":[],"))
WRAP(name_no_quotes, put_first(text, "{x:1,"))
WRAP(name_single_quotes, put_first(text, "{'x':1,"))
WRAP(deep_outside, put_first(text, "{\"x\":"
                                   "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                                   "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],"))

static void byte_flipped(struct draft *d, struct buf *text, struct dice *dice)
{
	(void)d;
	/* One after the other: which operand a compiler rolls for first is its own affair. */
	unsigned bit = dice_roll(dice, 8), at = dice_roll(dice, (unsigned)text->len);

	text->data[at] ^= (char)(1 << bit);
}

static void byte_lost(struct draft *d, struct buf *text, struct dice *dice)
{
	size_t at = dice_roll(dice, (unsigned)text->len);

	(void)d;
	memmove(text->data + at, text->data + at + 1, text->len - at);
	text->len--;
}

static void digit_changed(struct draft *d, struct buf *text, struct dice *dice)
{
	(void)d;
	for (int tries = 0; tries < 200; tries++) {
		char *p = text->data + dice_roll(dice, (unsigned)text->len);
		if (*p < '0' || *p > '9')
			continue;
		*p = (char)('0' + (*p - '0' + 1 + dice_roll(dice, 9)) % 10);
		return;
	}
}

const struct wrap_edit wrap_edits[] = {
	{ "text-bom", bom, FREE },
	{ "text-blanks-before", blanks_before, ACCEPT },
	{ "text-blanks-behind", blanks_behind, ACCEPT },
	{ "text-form-feed", form_feed, REFUSE },
	{ "text-letter-behind", letter_behind, REFUSE },
	{ "text-brace-behind", brace_behind, REFUSE },
	{ "text-object-behind", object_behind, REFUSE },
	{ "text-nul-behind", nul_behind, REFUSE },
	{ "text-comment-before", comment_before, REFUSE },
	{ "text-comment-behind", comment_behind, REFUSE },
	{ "text-truncated", truncated, REFUSE },
	{ "text-halved", halved, REFUSE },
	{ "text-empty", emptied, REFUSE },
	{ "text-null", to_null, REFUSE },
	{ "text-list", to_list, REFUSE },
	{ "text-object", to_object, REFUSE },
	{ "text-number", to_number, REFUSE },
	{ "text-comma-behind", comma_behind, REFUSE },
	{ "text-unknown-outside", unknown_outside_int, ACCEPT },
	{ "text-float-outside", unknown_outside, FREE },
	{ "text-signed-twice", signed_twice, FREE },
	{ "text-signed-twice-last", signed_twice_last, REFUSE },
	{ "text-signatures-twice", signatures_twice, FREE },
	{ "text-name-no-quotes", name_no_quotes, REFUSE },
	{ "text-name-single-quotes", name_single_quotes, REFUSE },
	{ "text-deep-outside", deep_outside, FREE },
	{ "text-byte-flipped", byte_flipped, FREE },
	{ "text-byte-lost", byte_lost, FREE },
	{ "text-digit-changed", digit_changed, FREE },
};
const size_t n_wrap_edits = sizeof wrap_edits / sizeof wrap_edits[0];
