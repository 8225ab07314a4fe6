/* routes.c — the index of the API: what can be asked, by whom, how large a body may be, and which file answers.
 * proto/openapi.yaml describes exactly these rows; a test compares the two. */
#include "certs/csr.h"
#include "server-stub/api/api_in.h"
#include "server-stub/api/intake.h"
#include "server-stub/api/publish.h"

#define EST "/.well-known/est/"

static const struct http_route routes[] = {
	{ HTTP_GET, "/healthz", HTTP_AUTH_ANY, 0, health_live },
	{ HTTP_GET, "/readyz", HTTP_AUTH_ANY, 0, health_ready },
	{ HTTP_GET, "/metrics", HTTP_AUTH_VIEWER, 0, metrics_get },

	{ HTTP_GET, EST "cacerts", HTTP_AUTH_ANY, 0, est_cacerts },
	{ HTTP_POST, EST "simpleenroll", HTTP_AUTH_TOKEN, CSR_MAX, est_simpleenroll },
	{ HTTP_POST, EST "simplereenroll", HTTP_AUTH_HOST, CSR_MAX, est_simplereenroll },

	{ HTTP_GET, "/v1/repo/metadata/{file}", HTTP_AUTH_MEMBER, 0, repo_metadata },
	{ HTTP_GET, "/v1/repo/targets/{path...}", HTTP_AUTH_MEMBER, 0, repo_target },
	{ HTTP_PUT, "/v1/repo", HTTP_AUTH_ADMIN, PUBLISH_BODY_MAX, publish_put },

	{ HTTP_GET, "/v1/hosts/{id}/assignment", HTTP_AUTH_SELF, 0, assignment_get },
	{ HTTP_POST, "/v1/hosts/{id}/reports", HTTP_AUTH_SELF, INTAKE_BYTES_MAX, reports_post },

	{ HTTP_GET, "/v1/hosts", HTTP_AUTH_VIEWER, 0, hosts_list },
	{ HTTP_GET, "/v1/hosts/{id}", HTTP_AUTH_VIEWER, 0, hosts_get },
	{ HTTP_GET, "/v1/hosts/{id}/reports", HTTP_AUTH_VIEWER, 0, hosts_reports },
	{ HTTP_GET, "/v1/hosts/{id}/sockets", HTTP_AUTH_VIEWER, 0, hosts_sockets },
	{ HTTP_GET, "/v1/hosts/{id}/rollouts", HTTP_AUTH_VIEWER, 0, rollouts_of_host },
	{ HTTP_DELETE, "/v1/hosts/{id}", HTTP_AUTH_ADMIN, 0, hosts_delete },

	{ HTTP_GET, "/v1/drift", HTTP_AUTH_VIEWER, 0, drift_list },
	{ HTTP_GET, "/v1/refusals", HTTP_AUTH_VIEWER, 0, refusals_list },
	{ HTTP_GET, "/v1/rollouts", HTTP_AUTH_VIEWER, 0, rollouts_list },
	{ HTTP_GET, "/v1/rollouts/{policy}", HTTP_AUTH_VIEWER, 0, rollouts_get },
	{ HTTP_GET, "/v1/rollouts/{policy}/history", HTTP_AUTH_VIEWER, 0, rollouts_history },
	{ HTTP_POST, "/v1/rollouts/{policy}/pause", HTTP_AUTH_OPERATOR, 8192, rollouts_pause },
	{ HTTP_POST, "/v1/rollouts/{policy}/resume", HTTP_AUTH_OPERATOR, 8192, rollouts_resume },
	{ HTTP_POST, "/v1/rollouts/{policy}/abort", HTTP_AUTH_OPERATOR, 8192, rollouts_abort },
	{ HTTP_POST, "/v1/rollouts/{policy}/retry", HTTP_AUTH_OPERATOR, 8192, rollouts_retry },
	{ HTTP_GET, "/v1/audit", HTTP_AUTH_VIEWER, 0, audit_list },

	{ HTTP_POST, "/v1/tokens", HTTP_AUTH_ADMIN, 16384, tokens_create },
	{ HTTP_GET, "/v1/tokens", HTTP_AUTH_ADMIN, 0, tokens_list },
	{ HTTP_DELETE, "/v1/tokens/{id}", HTTP_AUTH_ADMIN, 0, tokens_delete },
};

const struct http_route *api_routes(size_t *ret_n)
{
	*ret_n = sizeof routes / sizeof routes[0];
	return routes;
}
