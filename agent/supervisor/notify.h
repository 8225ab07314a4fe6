/* notify.h — systemd's sd_notify protocol: one datagram to $NOTIFY_SOCKET. By hand, because it is one sendto(). */
#ifndef KEDGE_AGENT_SUPERVISOR_NOTIFY_H
#define KEDGE_AGENT_SUPERVISOR_NOTIFY_H

/* Send STATE ("READY=1") to SOCKET, the value of $NOTIFY_SOCKET: a path, or "@name" for an abstract socket. NULL or "":
 * nothing to do, 0. Errors: KE_NAME (neither), or what the send said. */
int notify_send(const char *socket_name, const char *state);

#endif
