/* tuf_snapshot.c — the snapshot role: one consistent set of versions of all targets roles. The rule that no entry ever
 * vanishes or goes back (TUF 5.5.5) lives here, because client and publisher both keep it. */
#include <stdlib.h>
#include <string.h>

#include "proto/tuf.h"

static int meta_cmp(const void *pa, const void *pb)
{
	const struct tuf_meta *a = pa, *b = pb;

	return strcmp(a->name, b->name);
}

static int read_files(const struct place *at, struct tuf_snapshot *snap, struct fault *f)
{
	struct place meta, item = { 0 };
	int rc = read_object(at, "meta", &meta, f);

	if (rc)
		return rc;
	size_t n = place_count(&meta);
	snap->files = calloc(n ? n : 1, sizeof *snap->files);
	if (!snap->files)
		return place_fault(&meta, f, KE_NOMEM, NULL, "out of memory");
	while (!rc && place_next(&meta, &item))
		rc = tuf_meta_parse(&item, &snap->files[snap->n++], f);
	if (!rc)
		qsort(snap->files, snap->n, sizeof *snap->files, meta_cmp);
	return rc;
}

int tuf_snapshot_parse(const struct place *at, struct tuf_snapshot **ret, struct fault *f)
{
	struct tuf_snapshot *snap = calloc(1, sizeof *snap);
	int rc;

	if (!snap)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	if ((rc = tuf_header_parse(at, "snapshot", &snap->header, f)) || (rc = read_files(at, snap, f))) {
		tuf_snapshot_free(snap);
		return rc;
	}
	*ret = snap;
	return KE_OK;
}

void tuf_snapshot_free(struct tuf_snapshot *snap)
{
	if (!snap)
		return;
	free(snap->files);
	free(snap);
}

static const struct tuf_meta *find_file(const struct tuf_snapshot *snap, const char *name)
{
	struct tuf_meta key = { .name = name };

	return bsearch(&key, snap->files, snap->n, sizeof *snap->files, meta_cmp);
}

const struct tuf_meta *tuf_snapshot_find(const struct tuf_snapshot *snap, const char *role)
{
	char name[TUF_ROLE_NAME_MAX + 8];
	size_t len = strlen(role);

	if (len > TUF_ROLE_NAME_MAX)
		return NULL;
	memcpy(name, role, len);
	memcpy(name + len, ".json", 6);
	return find_file(snap, name);
}

int tuf_snapshot_follows(const struct tuf_snapshot *old, const struct tuf_snapshot *new, struct fault *f)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct tuf_meta *meta = find_file(new, old->files[i].name);
		if (!meta)
			return fault_set(f, KE_ROLLBACK, NULL, NULL, "'%.100s' is no longer listed",
			        old->files[i].name);
		if (meta->version < old->files[i].version)
			return fault_set(f, KE_ROLLBACK, NULL, NULL,
			        "'%.100s' goes back from version %lld to %lld", meta->name,
			        (long long)old->files[i].version, (long long)meta->version);
	}
	return KE_OK;
}
