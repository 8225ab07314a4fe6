/* Runs a fuzz target over files: the corpus replay of the ordinary test run, and a way to look at one crash without
 * libFuzzer. Arguments are files or directories (one level). Fails when there is nothing to replay. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path)
{
	FILE *fp = fopen(path, "rb");
	if (!fp) {
		perror(path);
		return -1;
	}
	struct stat st;
	if (fstat(fileno(fp), &st) || st.st_size > (16 << 20)) {
		fprintf(stderr, "%s: not a corpus file\n", path);
		fclose(fp);
		return -1;
	}
	size_t size = (size_t)st.st_size;
	/* Exactly as many bytes as the input has, so that the sanitizer sees a read past the end. */
	uint8_t *data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, fp) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		fclose(fp);
		return -1;
	}
	fclose(fp);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
	return 0;
}

static int replay_dir(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return replay_file(path);
	int rc = 0;
	for (struct dirent *de; (de = readdir(dir)) && rc == 0;) {
		char file[4096];
		if (de->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, de->d_name);
		rc = replay_file(file);
	}
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay_dir(argv[i]))
			return 1;
	printf("%u inputs replayed\n", replayed);
	return replayed ? 0 : 1;
}
