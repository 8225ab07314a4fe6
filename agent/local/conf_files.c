/* conf_files.c — lists directories and reads what is in them. /lib is left out where it is /usr/lib under another name, or
 * every file would mask itself. Called by cmd_explain.c. */
#include "agent/local/conf_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"

#define CONF_FILE_MAX  (1U << 20)
#define CONF_FILES_MAX 4096

static const char *const dirs[] = { "/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
	"/usr/lib/sysctl.d", "/lib/sysctl.d" };

static const char *base_of(const struct conf_file *file)
{
	return strrchr(file->path, '/') + 1;
}

static int row_add(struct conf_files *c, const char *root, const char *dir, const char *name)
{
	struct conf_file *more = realloc(c->rows, (c->n + 1) * sizeof *more), row = { .masked_by = c->n };
	char *whole = NULL;

	if (!more)
		return KE_NOMEM;
	c->rows = more;
	if (asprintf(&row.path, "%s/%s", dir, name) < 0)
		return KE_NOMEM;
	if (asprintf(&whole, "%s%s", root, row.path) < 0) {
		free(row.path);
		return KE_NOMEM;
	}
	if (file_read(whole, CONF_FILE_MAX, &row.text, &row.len, NULL))
		row.text = NULL;
	free(whole);
	for (size_t i = 0; i < c->n && row.masked_by == c->n; i++)
		if (strcmp(base_of(&c->rows[i]), name) == 0)
			row.masked_by = i;
	c->rows[c->n++] = row;
	return KE_OK;
}

static bool wanted(int dir_fd, const char *name, enum precedence_program program)
{
	size_t len = strlen(name);
	struct stat st;

	if (len < 5 || strcmp(name + len - 5, ".conf") != 0 || strcmp(name, ".") == 0)
		return false;
	if (program == PRECEDENCE_PROCPS)
		return true;
	return name[0] != '.' && !fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

/* Is it a directory that was listed already? */
static bool seen(int fd, struct stat *stats, size_t *n)
{
	if (fstat(fd, &stats[*n]))
		return true;
	for (size_t i = 0; i < *n; i++)
		if (stats[i].st_dev == stats[*n].st_dev && stats[i].st_ino == stats[*n].st_ino)
			return true;
	(*n)++;
	return false;
}

static int dir_list(struct conf_files *c, const char *root, const char *dir, enum precedence_program program,
        struct stat *stats, size_t *n_stats)
{
	char *whole;
	int rc = KE_OK;

	if (asprintf(&whole, "%s%s", root, dir) < 0)
		return KE_NOMEM;
	int fd = open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(whole);
	if (fd < 0)
		return KE_OK;
	DIR *d = seen(fd, stats, n_stats) ? NULL : fdopendir(fd);
	if (!d) {
		close(fd);
		return KE_OK;
	}
	for (struct dirent *e; !rc && (e = readdir(d));)
		if (wanted(fd, e->d_name, program) && c->n < CONF_FILES_MAX)
			rc = row_add(c, root, dir, e->d_name);
	closedir(d);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(base_of(a), base_of(b));
}

/* Those that are read, by name; then the masked ones. Masks are found again by name. */
static int sort(struct conf_files *c)
{
	struct conf_file *sorted = calloc(c->n ? c->n : 1, sizeof *sorted);
	size_t n = 0;

	if (!sorted)
		return KE_NOMEM;
	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].masked_by == i)
			sorted[n++] = c->rows[i];
	c->n_read = n;
	qsort(sorted, n, sizeof *sorted, by_name);
	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].masked_by != i)
			sorted[n++] = c->rows[i];
	for (size_t i = 0; i < n; i++) {
		sorted[i].masked_by = i;
		for (size_t k = 0; i >= c->n_read && k < c->n_read; k++)
			if (strcmp(base_of(&sorted[k]), base_of(&sorted[i])) == 0)
				sorted[i].masked_by = k;
	}
	free(c->rows);
	c->rows = sorted;
	return KE_OK;
}

/* /etc/sysctl.conf, behind all others that are read. */
static int last_add(struct conf_files *c, const char *root)
{
	char *whole;
	struct stat st;

	if (asprintf(&whole, "%s/etc/sysctl.conf", root) < 0)
		return KE_NOMEM;
	bool there = !stat(whole, &st) && S_ISREG(st.st_mode);
	free(whole);
	if (!there)
		return KE_OK;
	int rc = row_add(c, root, "/etc", "sysctl.conf");
	if (rc)
		return rc;
	struct conf_file last = c->rows[c->n - 1];
	memmove(c->rows + c->n_read + 1, c->rows + c->n_read, (c->n - 1 - c->n_read) * sizeof last);
	last.masked_by = c->n_read;
	c->rows[c->n_read++] = last;
	return KE_OK;
}

int conf_files_list(const char *root, enum precedence_program program, struct conf_files *ret)
{
	struct stat stats[sizeof dirs / sizeof dirs[0]];
	size_t n_stats = 0;
	int rc = KE_OK;

	*ret = (struct conf_files){ 0 };
	for (size_t i = 0; !rc && i < sizeof dirs / sizeof dirs[0]; i++)
		rc = dir_list(ret, root, dirs[i], program, stats, &n_stats);
	if (!rc)
		rc = sort(ret);
	if (!rc && program == PRECEDENCE_PROCPS)
		rc = last_add(ret, root);
	return rc;
}

void conf_files_clear(struct conf_files *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->rows[i].path);
		file_free(c->rows[i].text);
	}
	free(c->rows);
	*c = (struct conf_files){ 0 };
}
