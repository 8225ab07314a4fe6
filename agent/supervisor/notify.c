/* notify.c — tells the service manager where we are. Nothing depends on its success. */
#include "agent/supervisor/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/err.h"

int notify_send(const char *socket_name, const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = socket_name ? strlen(socket_name) : 0;

	if (len == 0)
		return KE_OK;
	if ((socket_name[0] != '/' && socket_name[0] != '@') || len >= sizeof to.sun_path)
		return KE_NAME;
	memcpy(to.sun_path, socket_name, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_from_errno(errno);
	ssize_t n = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	        (const struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	int rc = n < 0 ? err_from_errno(errno) : KE_OK;
	close(fd);
	return rc;
}
