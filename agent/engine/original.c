/* original.c — originals and the policy in force, in one file a boot.
 *
 * A file of another boot is none: after a reboot /proc/sys holds the kernel's own values again, and the old originals
 * would be wrong ones. Called by apply, revert and engine, and by verify and status through originals_policy().
 */
#include "agent/engine/original.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/frame.h"
#include "proto/buf.h"
#include "proto/fileio.h"

#define ORIGINAL_MAX_KEYS 65536

static const char magic[FRAME_MAGIC_LEN + 1] = "kedgeor1";

int originals_new(const char *boot_id, struct originals **ret)
{
	struct originals *o = calloc(1, sizeof *o);

	if (!o || !(o->policy = strdup(""))) {
		free(o);
		return KE_NOMEM;
	}
	snprintf(o->boot_id, sizeof o->boot_id, "%s", boot_id);
	*ret = o;
	return KE_OK;
}

void originals_free(struct originals *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++) {
		free(o->keys[i].value);
		free(o->keys[i].wanted);
		free(o->keys[i].except);
	}
	free(o->keys);
	free(o->policy);
	free(o);
}

static struct original *key_next(struct originals *o)
{
	if (o->n == ORIGINAL_MAX_KEYS)
		return NULL;
	if (o->n == 0 || (o->n >= 16 && (o->n & (o->n - 1)) == 0)) {
		struct original *more = realloc(o->keys, (o->n ? o->n * 2 : 16) * sizeof *more);
		if (!more)
			return NULL;
		o->keys = more;
	}
	o->keys[o->n] = (struct original){ .mode = SETTING_ENFORCE };
	return &o->keys[o->n];
}

struct original *originals_find(struct originals *o, const struct name *n)
{
	for (size_t i = 0; i < o->n; i++)
		if (name_cmp(&o->keys[i].name, n) == 0)
			return &o->keys[i];
	return NULL;
}

int originals_note(struct originals *o, const struct name *n, const char *value, struct original **ret)
{
	struct original *row = originals_find(o, n);

	if (!row) {
		row = key_next(o);
		if (!row)
			return o->n == ORIGINAL_MAX_KEYS ? KE_TOOBIG : KE_NOMEM;
		row->name = *n;
		o->n++;
	}
	if (value && !row->value && !row->lost && !(row->value = strdup(value)))
		return KE_NOMEM;
	if (ret)
		*ret = row;
	return KE_OK;
}

#define FLAG_MODE     0x0fU
#define FLAG_REQUIRED 0x10U
#define FLAG_OPTIONAL 0x20U
#define FLAG_LOST     0x40U
#define FLAG_LEAST    0x80U
#define FLAG_MOST     0x100U
#define FLAG_EXCEPT   0x200U /* a number and that many names follow */
#define FLAG_ALL      0x3ffU

static uint32_t flags_of(const struct original *k)
{
	uint32_t form = !k->wanted                   ? 0
	                : k->bound == BOUND_AT_LEAST ? FLAG_LEAST
	                : k->bound == BOUND_AT_MOST  ? FLAG_MOST
	                                             : 0;

	if (k->wanted && k->n_except)
		form |= FLAG_EXCEPT;
	return form | (uint32_t)k->mode | (k->required ? FLAG_REQUIRED : 0) |
	       (k->optional ? FLAG_OPTIONAL : 0) | (k->lost ? FLAG_LOST : 0);
}

static bool flags_take(struct original *k, uint32_t flags)
{
	uint32_t mode = flags & FLAG_MODE;

	k->mode = mode == SETTING_MONITOR ? SETTING_MONITOR
	          : mode == SETTING_AUDIT ? SETTING_AUDIT
	          : mode == SETTING_LOCK  ? SETTING_LOCK
	                                  : SETTING_ENFORCE;
	k->required = flags & FLAG_REQUIRED;
	k->optional = flags & FLAG_OPTIONAL;
	k->lost = flags & FLAG_LOST;
	k->bound = flags & FLAG_LEAST ? BOUND_AT_LEAST : flags & FLAG_MOST ? BOUND_AT_MOST : BOUND_NONE;
	return (flags & ~FLAG_ALL) == 0 && mode <= SETTING_LOCK &&
	       (flags & (FLAG_LEAST | FLAG_MOST)) != (FLAG_LEAST | FLAG_MOST) && (k->wanted || !k->bound);
}

static void except_encode(struct buf *part, const struct original *k)
{
	if (!k->wanted || !k->n_except)
		return;
	frame_u32(part, (uint32_t)k->n_except);
	for (size_t i = 0; i < k->n_except; i++)
		frame_text(part, k->except[i].path);
}

int originals_encode(const struct originals *o, char **ret, size_t *ret_len)
{
	struct buf out = BUF_INIT(ORIGINAL_MAX_BYTES), part = BUF_INIT(ORIGINAL_MAX_BYTES);

	buf_bytes(&out, magic, FRAME_MAGIC_LEN);
	frame_text(&part, o->boot_id);
	buf_bytes(&part, o->hash, SHA256_LEN);
	frame_text(&part, o->policy);
	frame_u64(&part, (uint64_t)o->version);
	frame_u64(&part, o->serial);
	frame_u64(&part, (uint64_t)o->time);
	frame_u32(&part, (uint32_t)o->n);
	frame_put(&out, &part);
	for (size_t i = 0; i < o->n; i++) {
		frame_text(&part, o->keys[i].name.path);
		frame_text(&part, o->keys[i].value);
		frame_text(&part, o->keys[i].wanted);
		frame_u32(&part, flags_of(&o->keys[i]));
		except_encode(&part, &o->keys[i]);
		frame_put(&out, &part);
	}
	buf_free(&part);
	return buf_take(&out, ret, ret_len);
}

static int head_decode(struct frame_reader *r, struct originals *o, uint32_t *ret_n)
{
	struct frame_reader head = frame_next(r);
	char *boot = frame_take_text(&head);
	bool ok = boot && strlen(boot) < sizeof o->boot_id;

	if (ok)
		snprintf(o->boot_id, sizeof o->boot_id, "%s", boot);
	free(boot);
	frame_take_bytes(&head, o->hash, SHA256_LEN);
	o->policy = frame_take_text(&head);
	o->version = (int64_t)frame_take_u64(&head);
	o->serial = frame_take_u64(&head);
	o->time = (int64_t)frame_take_u64(&head);
	*ret_n = frame_take_u32(&head);
	return frame_end(&head, ok && o->policy && *ret_n <= ORIGINAL_MAX_KEYS);
}

/* The path form exactly, as it was written. */
static bool path_take(struct frame_reader *part, struct name *ret)
{
	char *path = frame_take_text(part);
	bool ok = path && strchr(path, '/') && name_parse(path, strlen(path), ret, NULL) == 0 &&
	          strcmp(ret->path, path) == 0;

	free(path);
	return ok;
}

static int except_decode(struct frame_reader *part, struct original *k)
{
	uint32_t n = frame_take_u32(part);

	if (!k->wanted || n < 1 || n > POLICY_MAX_EXCEPT)
		return KE_SYNTAX;
	k->except = calloc(n, sizeof *k->except);
	if (!k->except)
		return KE_NOMEM;
	for (; k->n_except < n; k->n_except++)
		if (!path_take(part, &k->except[k->n_except]))
			return KE_SYNTAX;
	return KE_OK;
}

static int key_decode(struct frame_reader *r, struct originals *o)
{
	struct frame_reader part = frame_next(r);
	struct original *k = key_next(o);
	int rc = KE_OK;

	if (!k)
		return KE_NOMEM; /* the head was read: there are no more than may be */
	/* A pattern without a match may stand here as wanted; it has no original. */
	bool ok = path_take(&part, &k->name);
	k->value = frame_take_text(&part);
	k->wanted = frame_take_text(&part);
	uint32_t flags = frame_take_u32(&part);
	ok = flags_take(k, flags) && ok;
	o->n++;
	if (flags & FLAG_EXCEPT && !part.nomem)
		rc = except_decode(&part, k);
	return rc == KE_NOMEM ? rc : frame_end(&part, ok && !rc && !(name_is_pattern(&k->name) && k->value));
}

int originals_decode(const void *data, size_t len, struct originals **ret)
{
	struct frame_reader r = frame_open(data, len, magic);
	struct originals *o = calloc(1, sizeof *o);
	uint32_t n = 0;

	if (!o)
		return KE_NOMEM;
	int rc = head_decode(&r, o, &n);
	for (uint32_t i = 0; !rc && i < n; i++)
		rc = key_decode(&r, o);
	if (!rc)
		rc = frame_end(&r, true);
	if (rc) {
		originals_free(o);
		return rc;
	}
	*ret = o;
	return KE_OK;
}

static int path_make(const char *run_dir, const char *name, char path[PATH_MAX], struct fault *f)
{
	if (snprintf(path, PATH_MAX, "%s/%s", run_dir, name) >= PATH_MAX)
		return fault_set(f, KE_TOOBIG, run_dir, NULL, "path too long");
	return KE_OK;
}

int originals_read(const char *run_dir, const char *boot_id, struct originals **ret, struct fault *f)
{
	char path[PATH_MAX], *data = NULL;
	size_t len = 0;
	struct originals *o = NULL;
	int rc = path_make(run_dir, ORIGINAL_NAME, path, f);

	if (!rc)
		rc = file_read(path, ORIGINAL_MAX_BYTES, &data, &len, f);
	if (rc)
		return rc;
	rc = originals_decode(data, len, &o);
	file_free(data);
	if (rc)
		return fault_set(f, rc, path, NULL, rc == KE_SYNTAX ? "damaged" : "out of memory");
	if (strcmp(o->boot_id, boot_id) != 0) {
		originals_free(o);
		return fault_set(f, KE_NOENT, path, NULL, "is of another boot");
	}
	*ret = o;
	return KE_OK;
}

int originals_write(const char *run_dir, const char *name, const struct originals *o, struct fault *f)
{
	char path[PATH_MAX], *data = NULL;
	size_t len = 0;
	int rc = path_make(run_dir, name, path, f);

	if (rc)
		return rc;
	rc = originals_encode(o, &data, &len);
	if (rc)
		return fault_set(f, rc, path, NULL, "cannot be made: %s", err_text(rc));
	rc = file_replace(path, data, len, 0600, FILE_VOLATILE, f);
	free(data);
	return rc;
}

int originals_promote(const char *run_dir, struct fault *f)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc = path_make(run_dir, ORIGINAL_NEXT_NAME, from, f);

	if (!rc)
		rc = path_make(run_dir, ORIGINAL_NAME, to, f);
	if (rc)
		return rc;
	if (rename(from, to))
		return fault_set(f, err_from_errno(errno), from, NULL, "cannot rename: %s", strerror(errno));
	return KE_OK;
}

int originals_remove(const char *run_dir, const char *name, struct fault *f)
{
	char path[PATH_MAX];
	int rc = path_make(run_dir, name, path, f);

	return rc ? rc : file_remove(path, FILE_VOLATILE, f);
}

struct setting originals_setting(const struct original *k)
{
	return (struct setting){ .name = k->name,
		.knob = knowledge_find(&k->name),
		.bound = k->bound,
		.value = k->wanted,
		.except = k->except,
		.n_except = k->n_except,
		.mode = k->mode,
		.required = k->required,
		.optional = k->optional };
}

const struct original *originals_holder(const struct originals *o, const struct name *n)
{
	const struct original *by = NULL;

	for (size_t i = 0; i < o->n; i++) {
		const struct setting s = originals_setting(&o->keys[i]);
		if (s.value && name_cmp(&s.name, n) == 0)
			return &o->keys[i];
		if (s.value && setting_covers(&s, n))
			by = &o->keys[i];
	}
	return by;
}

int originals_policy(const struct originals *o, struct policy **ret, struct fault *f)
{
	struct policy *p = NULL;

	if (!o->policy[0])
		return fault_set(f, KE_NOENT, NULL, "apply one", "no policy is in force");
	int rc = policy_new(o->policy, o->version, &p);
	for (size_t i = 0; !rc && i < o->n; i++) {
		const struct setting s = originals_setting(&o->keys[i]);
		if (s.value)
			rc = policy_append_copy(p, &s, NULL, f);
	}
	if (rc) {
		policy_free(p);
		return rc;
	}
	*ret = p;
	return KE_OK;
}
