/* boot.c — puts the two programs' verdicts about one line side by side. Called by cmd_explain.c. */
#include "agent/local/boot.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNIT "kedge-agent.service"

static bool there(const char *root, const char *path)
{
	char whole[PATH_MAX];
	struct stat st;

	return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole && !lstat(whole, &st);
}

/* Is the unit NAME switched off by a link to /dev/null? */
static bool unit_masked(const char *root, const char *name)
{
	char whole[PATH_MAX], to[32];

	if (snprintf(whole, sizeof whole, "%s/etc/systemd/system/%s", root, name) >= (int)sizeof whole)
		return false;
	ssize_t n = readlink(whole, to, sizeof to);
	return n == 9 && memcmp(to, "/dev/null", 9) == 0;
}

/* Does a directory of links, as `systemctl enable` makes them, name our unit? */
static bool unit_wanted(const char *root)
{
	char whole[PATH_MAX], link[PATH_MAX];
	bool wanted = false;

	if (snprintf(whole, sizeof whole, "%s/etc/systemd/system", root) >= (int)sizeof whole)
		return false;
	DIR *d = opendir(whole);
	for (struct dirent *e; d && !wanted && (e = readdir(d));) {
		const char *dot = strrchr(e->d_name, '.');
		if (dot && (strcmp(dot, ".wants") == 0 || strcmp(dot, ".requires") == 0) &&
		        snprintf(link, sizeof link, "/etc/systemd/system/%s/%s", e->d_name, UNIT) < PATH_MAX)
			wanted = there(root, link);
	}
	if (d)
		closedir(d);
	return wanted;
}

static enum boot_unit unit_read(const char *root)
{
	static const char *const paths[] = { "/etc/systemd/system/" UNIT, "/run/systemd/system/" UNIT,
		"/usr/local/lib/systemd/system/" UNIT, "/usr/lib/systemd/system/" UNIT,
		"/lib/systemd/system/" UNIT };

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (there(root, paths[i]))
			return !unit_masked(root, UNIT) && unit_wanted(root) ? BOOT_UNIT_ENABLED
			                                                     : BOOT_UNIT_DISABLED;
	return BOOT_UNIT_ABSENT;
}

static enum precedence_program loader_read(const char *root)
{
	if ((there(root, "/usr/lib/systemd/systemd-sysctl") || there(root, "/lib/systemd/systemd-sysctl")) &&
	        !unit_masked(root, "systemd-sysctl.service"))
		return PRECEDENCE_SYSTEMD;
	return there(root, "/etc/init.d/procps") ? PRECEDENCE_PROCPS : PRECEDENCE_PROGRAMS;
}

static int judge(const char *root, enum precedence_program program, const struct name *key,
        struct conf_files *files, struct precedence *ret)
{
	struct precedence_file *texts;
	int rc = conf_files_list(root, program, files);

	if (rc)
		return rc;
	if (!(texts = calloc(files->n_read ? files->n_read : 1, sizeof *texts)))
		return KE_NOMEM;
	for (size_t i = 0; i < files->n_read; i++)
		texts[i] = (struct precedence_file){ files->rows[i].text, files->rows[i].len };
	rc = precedence_judge(program, texts, files->n_read, key, ret);
	free(texts);
	return rc;
}

/* The lines of files that nobody reads. */
static int masked_judge(struct boot_view *b, const struct name *key)
{
	const struct conf_files *files = &b->files[PRECEDENCE_PROCPS];
	size_t n = files->n - files->n_read;
	int rc = KE_OK;

	if (!(b->masked = calloc(n ? n : 1, sizeof *b->masked)))
		return KE_NOMEM;
	for (size_t i = 0; !rc && i < n; i++) {
		const struct conf_file *file = &files->rows[files->n_read + i];
		const struct precedence_file text = { file->text, file->len };
		rc = precedence_judge(PRECEDENCE_PROCPS, &text, 1, key, &b->masked[i]);
	}
	return rc;
}

static int row_add(struct boot_view *b, const struct conf_file *file, const struct precedence_row *r)
{
	struct boot_row *more = realloc(b->rows, (b->n + 1) * sizeof *more);

	if (!more)
		return KE_NOMEM;
	b->rows = more;
	b->rows[b->n++] = (struct boot_row){ .path = file->path,
		.written = r->written,
		.value = r->value,
		.line = r->line,
		.effects = { "not read", "not read" } };
	return KE_OK;
}

/* The view's row of that line, added when it is not there yet; NULL: no memory. */
static struct boot_row *row_of(
        struct boot_view *b, const struct conf_file *file, const struct precedence_row *r)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->rows[i].line == r->line && strcmp(b->rows[i].path, file->path) == 0)
			return &b->rows[i];
	return row_add(b, file, r) ? NULL : &b->rows[b->n - 1];
}

static int rows_fill(struct boot_view *b)
{
	static const enum precedence_program programs[] = { PRECEDENCE_PROCPS, PRECEDENCE_SYSTEMD };

	for (size_t p = 0; p < 2; p++) {
		const struct precedence *judged = &b->judged[programs[p]];
		const struct conf_files *files = &b->files[programs[p]];
		for (size_t i = 0; i < judged->n; i++) {
			const struct precedence_row *r = &judged->rows[i];
			struct boot_row *row = row_of(b, &files->rows[r->file], r);
			if (!row)
				return KE_NOMEM;
			row->effects[programs[p]] = precedence_effect_name(r->effect);
		}
	}
	const struct conf_files *files = &b->files[PRECEDENCE_PROCPS];
	for (size_t m = files->n_read; m < files->n; m++)
		for (size_t i = 0; i < b->masked[m - files->n_read].n; i++) {
			if (row_add(b, &files->rows[m], &b->masked[m - files->n_read].rows[i]))
				return KE_NOMEM;
			struct boot_row *row = &b->rows[b->n - 1];
			row->effects[0] = row->effects[1] = "masked";
			row->masked_by = files->rows[files->rows[m].masked_by].path;
		}
	return KE_OK;
}

int boot_read(const char *root, const struct name *key, struct boot_view *ret)
{
	int rc = KE_OK;

	*ret = (struct boot_view){ .loader = loader_read(root), .unit = unit_read(root) };
	for (int p = 0; !rc && p < PRECEDENCE_PROGRAMS; p++)
		rc = judge(root, (enum precedence_program)p, key, &ret->files[p], &ret->judged[p]);
	if (!rc)
		rc = masked_judge(ret, key);
	return rc ? rc : rows_fill(ret);
}

void boot_clear(struct boot_view *b)
{
	const struct conf_files *files = &b->files[PRECEDENCE_PROCPS];

	for (size_t i = 0; b->masked && i < files->n - files->n_read; i++)
		precedence_clear(&b->masked[i]);
	free(b->masked);
	free(b->rows);
	for (int p = 0; p < PRECEDENCE_PROGRAMS; p++) {
		precedence_clear(&b->judged[p]);
		conf_files_clear(&b->files[p]);
	}
	*b = (struct boot_view){ 0 };
}

const struct boot_row *boot_winner(const struct boot_view *b, enum precedence_program program)
{
	for (size_t i = 0; program < PRECEDENCE_PROGRAMS && i < b->n; i++)
		if (strcmp(b->rows[i].effects[program], "wins") == 0)
			return &b->rows[i];
	return NULL;
}

const char *boot_loader_name(enum precedence_program program)
{
	return program == PRECEDENCE_SYSTEMD  ? "systemd-sysctl"
	       : program == PRECEDENCE_PROCPS ? "sysctl --system"
	                                      : "nothing";
}

const char *boot_unit_name(enum boot_unit unit)
{
	static const char *const names[] = { "absent", "disabled", "enabled" };

	return names[unit];
}

void boot_files_json(const struct boot_view *b, struct jsonw *w)
{
	jsonw_array(w, "files");
	for (size_t i = 0; i < b->n; i++) {
		const struct boot_row *r = &b->rows[i];
		jsonw_object(w, NULL);
		jsonw_string(w, "path", r->path);
		jsonw_int(w, "line", r->line);
		jsonw_string(w, "written", r->written);
		jsonw_opt_string(w, "value", r->value);
		jsonw_string(w, "systemd", r->effects[PRECEDENCE_SYSTEMD]);
		jsonw_string(w, "procps", r->effects[PRECEDENCE_PROCPS]);
		jsonw_opt_string(w, "masked_by", r->masked_by);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
