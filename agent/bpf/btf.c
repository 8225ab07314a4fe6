/* btf.c — a reader of the kernel's own type information, as much of it as offsets of members need: structs, unions, and the
 * names that lead to them (typedef, const, volatile). One pass notes where each type is; a look-up then scans the
 * structs of the wanted name. The bytes come from the kernel, but every index and length is checked all the same.
 * Called by the loader, which ends afterwards: a BTF of 6 MB is read in about 5 ms. */
#include "agent/bpf/btf.h"

#include <stdlib.h>
#include <string.h>

#include <linux/btf.h>

#define BTF_DEPTH 16    /* typedefs of typedefs, unnamed structs in unnamed unions */
#define BTF_STEPS 10000 /* members looked at for one name */

struct btf {
	const char *strings;
	uint32_t strings_len;
	const unsigned char **types; /* by id; types[0] is void: NULL */
	uint32_t n;
};

static int bad(struct fault *f, const char *what)
{
	return fault_set(f, KE_SYNTAX, "BTF", NULL, "%s", what);
}

/* The bytes that follow a struct btf_type of KIND with VLEN members; -1: a kind that we do not know. */
static int64_t tail_len(unsigned kind, unsigned vlen)
{
	switch (kind) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_var_secinfo);
	case BTF_KIND_ENUM64:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_enum64);
	default:
		return -1;
	}
}

static struct btf_type type_at(const unsigned char *at)
{
	struct btf_type t;

	memcpy(&t, at, sizeof t);
	return t;
}

/* Walk the LEN bytes of types; with TYPES, note where each is. *RET_N: one more than the last id. */
static int walk(const unsigned char *at, uint32_t len, const unsigned char **types, uint32_t *ret_n)
{
	uint32_t id = 1;

	while (len) {
		if (len < sizeof(struct btf_type) || id > BTF_MAX_TYPE)
			return KE_SYNTAX;
		struct btf_type t = type_at(at);
		int64_t tail = tail_len(BTF_INFO_KIND(t.info), BTF_INFO_VLEN(t.info));
		int64_t all = tail + (int64_t)sizeof t;
		if (tail < 0 || all > len)
			return KE_SYNTAX;
		if (types)
			types[id] = at;
		id++;
		at += all;
		len -= (uint32_t)all;
	}
	*ret_n = id;
	return KE_OK;
}

int btf_open(const void *data, size_t len, struct btf **ret, struct fault *f)
{
	const unsigned char *base = data;
	struct btf_header h;

	if (len < sizeof h || len > BTF_MAX_BYTES)
		return bad(f, "is too short or too long");
	memcpy(&h, base, sizeof h);
	if (h.magic != BTF_MAGIC || h.version != BTF_VERSION)
		return fault_set(f, KE_UNSUPPORTED, "BTF", NULL, "is of another machine or version");
	if (h.hdr_len < sizeof h || h.hdr_len > len)
		return bad(f, "has a header that is too long");
	size_t rest = len - h.hdr_len;
	if (h.type_off > rest || h.type_len > rest - h.type_off || h.str_off > rest || !h.str_len ||
	        h.str_len > rest - h.str_off || base[h.hdr_len + h.str_off + h.str_len - 1])
		return bad(f, "has sections that lie outside of it");
	struct btf *b = calloc(1, sizeof *b);
	if (!b)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	b->strings = (const char *)base + h.hdr_len + h.str_off;
	b->strings_len = h.str_len;
	const unsigned char *types = base + h.hdr_len + h.type_off;
	int rc = walk(types, h.type_len, NULL, &b->n);
	if (rc)
		bad(f, "has types that cannot be read");
	else if (!(b->types = calloc(b->n, sizeof *b->types)))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	else
		rc = walk(types, h.type_len, b->types, &b->n);
	if (rc)
		btf_free(b);
	else
		*ret = b;
	return rc;
}

void btf_free(struct btf *b)
{
	if (!b)
		return;
	free(b->types);
	free(b);
}

static bool name_is(const struct btf *b, uint32_t off, const char *text, size_t len)
{
	return off < b->strings_len && b->strings_len - off > len &&
	       memcmp(b->strings + off, text, len) == 0 && !b->strings[off + len];
}

static bool is_compound(unsigned kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

/* The struct or union that type ID stands for; 0: none. */
static uint32_t compound_of(const struct btf *b, uint32_t id)
{
	for (unsigned depth = 0; depth < BTF_DEPTH && id && id < b->n; depth++) {
		struct btf_type t = type_at(b->types[id]);
		switch (BTF_INFO_KIND(t.info)) {
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
			return id;
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_TYPE_TAG:
			id = t.type;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

struct search {
	const char *name;
	size_t len;
	unsigned steps; /* left: unnamed members may hold each other, and a hostile file would never end */
};

/* The member that S names in compound ID or in an unnamed one of it: its offset in bits and its type. */
static bool member_find(const struct btf *b, uint32_t id, struct search *s, unsigned depth,
        uint64_t *ret_bits, uint32_t *ret_type)
{
	struct btf_type t = type_at(b->types[id]);
	const unsigned char *at = b->types[id] + sizeof t;

	for (unsigned i = 0; i < BTF_INFO_VLEN(t.info) && s->steps; i++, s->steps--) {
		struct btf_member m;
		memcpy(&m, at + i * sizeof m, sizeof m);
		uint32_t bits = BTF_INFO_KFLAG(t.info) ? BTF_MEMBER_BIT_OFFSET(m.offset) : m.offset;
		bool unnamed = name_is(b, m.name_off, "", 0);
		uint32_t inner = unnamed && depth ? compound_of(b, m.type) : 0;
		if (!unnamed && name_is(b, m.name_off, s->name, s->len)) {
			*ret_bits = bits;
			*ret_type = m.type;
			return true;
		}
		if (inner && member_find(b, inner, s, depth - 1, ret_bits, ret_type)) {
			*ret_bits += bits;
			return true;
		}
		if (!s->steps)
			break;
	}
	return false;
}

static int path_find(const struct btf *b, uint32_t id, const char *path, uint32_t *ret)
{
	uint64_t bits = 0, here;

	for (;;) {
		struct search s = { .name = path, .len = strcspn(path, "."), .steps = BTF_STEPS };
		uint32_t type = 0;
		if (!id || !member_find(b, id, &s, BTF_DEPTH, &here, &type))
			return KE_NOENT;
		bits += here;
		if (!path[s.len])
			break;
		id = compound_of(b, type);
		path += s.len + 1;
	}
	if (bits % 8 || bits / 8 > INT32_MAX)
		return KE_NOENT;
	*ret = (uint32_t)(bits / 8);
	return KE_OK;
}

int btf_offset(const struct btf *b, const char *struct_name, const char *member, uint32_t *ret)
{
	size_t len = strlen(struct_name);

	/* A name can stand for several structs of different files: the first that has the member. */
	for (uint32_t id = 1; id < b->n; id++) {
		struct btf_type t = type_at(b->types[id]);
		if (is_compound(BTF_INFO_KIND(t.info)) && BTF_INFO_VLEN(t.info) &&
		        name_is(b, t.name_off, struct_name, len) && path_find(b, id, member, ret) == KE_OK)
			return KE_OK;
	}
	return KE_NOENT;
}
