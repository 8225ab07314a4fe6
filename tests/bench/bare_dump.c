/* bare_dump — the floor: one walk over the sockets with libmnl that does nothing but count states. What `kedge-agent
 * sockets` costs beyond this is kedge's own doing. */
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>

static unsigned long states[256];

static int count(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	(void)data;
	states[m->idiag_state]++;
	return MNL_CB_OK;
}

int main(void)
{
	static char buf[65536];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_SOCK_DIAG);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		perror("bare_dump");
		return 1;
	}
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = TCPDIAG_GETSOCK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	struct inet_diag_req *req = mnl_nlmsg_put_extra_header(nlh, sizeof *req);
	req->idiag_states = 0xfff;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		perror("bare_dump");
		return 1;
	}
	int rc = MNL_CB_OK;
	while (rc > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof buf);
		rc = n < 0 ? MNL_CB_ERROR
		           : mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), count, NULL);
	}
	if (rc < 0) {
		perror("bare_dump");
		return 1;
	}
	for (unsigned i = 0; i < 256; i++)
		if (states[i])
			printf("%u %lu\n", i, states[i]);
	mnl_socket_close(nl);
	return 0;
}
