/* lazy.c — libcjson and libmnl for kedge-agent, loaded when the first of their functions is called.
 *
 * Loading a library costs a process 4 to 5 percent of what `sysctl -p` takes in all, and `apply` of a sysctl.conf, `verify`
 * and `diff` need neither: so this program defines the functions that it uses of the two and passes them on. Only
 * kedge-agent is built this way; every other program links the libraries as usual.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cJSON.h>
#include <libmnl/libmnl.h>

#include "proto/fileio.h"

static void *open_library(const char *name)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		static const char head[] = "kedge-agent: ", tail[] = "; install the library\n";
		const char *why = dlerror();
		file_write_all(STDERR_FILENO, head, sizeof head - 1);
		file_write_all(STDERR_FILENO, why, strlen(why));
		file_write_all(STDERR_FILENO, tail, sizeof tail - 1);
		_exit(EXIT_FAILURE);
	}
	return library;
}

/* The function NAME of LIBRARY; the library was built with it, or is not the one it says it is. */
static void *find(void **library, const char *file, const char *name)
{
	if (!*library)
		*library = open_library(file);
	void *function = dlsym(*library, name);
	if (!function)
		abort();
	return function;
}

static void *cjson, *mnl;

#define CJSON(name) (*(__typeof__(&name))find(&cjson, "libcjson.so.1", #name))
#define MNL(name)   (*(__typeof__(&name))find(&mnl, "libmnl.so.0", #name))

void cJSON_Delete(cJSON *item)
{
	if (item)
		CJSON(cJSON_Delete)(item);
}

cJSON *cJSON_ParseWithLength(const char *value, size_t length)
{
	return CJSON(cJSON_ParseWithLength)(value, length);
}

cJSON *cJSON_GetObjectItemCaseSensitive(const cJSON *const object, const char *const name)
{
	return CJSON(cJSON_GetObjectItemCaseSensitive)(object, name);
}

cJSON_bool cJSON_IsArray(const cJSON *const item)
{
	return CJSON(cJSON_IsArray)(item);
}

cJSON_bool cJSON_IsBool(const cJSON *const item)
{
	return CJSON(cJSON_IsBool)(item);
}

cJSON_bool cJSON_IsNumber(const cJSON *const item)
{
	return CJSON(cJSON_IsNumber)(item);
}

cJSON_bool cJSON_IsObject(const cJSON *const item)
{
	return CJSON(cJSON_IsObject)(item);
}

cJSON_bool cJSON_IsString(const cJSON *const item)
{
	return CJSON(cJSON_IsString)(item);
}

cJSON_bool cJSON_IsTrue(const cJSON *const item)
{
	return CJSON(cJSON_IsTrue)(item);
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *nlh)
{
	return MNL(mnl_nlmsg_get_payload)(nlh);
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *nlh)
{
	return MNL(mnl_nlmsg_get_payload_len)(nlh);
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *nlh, size_t size)
{
	return MNL(mnl_nlmsg_put_extra_header)(nlh, size);
}

struct nlmsghdr *mnl_nlmsg_put_header(void *buf)
{
	return MNL(mnl_nlmsg_put_header)(buf);
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	return MNL(mnl_socket_bind)(nl, groups, pid);
}

int mnl_socket_close(struct mnl_socket *nl)
{
	return MNL(mnl_socket_close)(nl);
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	return MNL(mnl_socket_get_fd)(nl);
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *nl)
{
	return MNL(mnl_socket_get_portid)(nl);
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	return MNL(mnl_socket_open2)(bus, flags);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	return MNL(mnl_socket_sendto)(nl, req, siz);
}
