import { REQUESTS_PATH } from "../../support/certificate-requests-client.ts";
import { csr } from "../csr-body.ts";
import { get, post, type Row } from "../row.ts";

const GIVEN = [post(csr())];

const METHODS: readonly Row[] = [
  ...["/apis", "/healthz"].map((path) => ({ name: `method: OPTIONS ${path}`, asked: [{ method: "OPTIONS", path }] })),
  ...["GET", "HEAD", "POST", "PUT", "DELETE"].map((method) => ({
    name: `method: ${method} of a subresource that is not there`,
    given: GIVEN,
    asked: [{ method, path: `${REQUESTS_PATH}/$name/scale` }],
  })),
  ...["HEAD", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "LOCK", "SEARCH", "M-SEARCH"].flatMap((method) =>
    [REQUESTS_PATH, `${REQUESTS_PATH}/$name`, `${REQUESTS_PATH}/$name/status`].map((path) => ({
      name: `method: ${method} ${path}`,
      given: GIVEN,
      asked: [{ method, path }],
    })),
  ),
];

const ODD_PATHS: readonly Row[] = [
  `${REQUESTS_PATH}/?labelSelector=none`,
  `${REQUESTS_PATH}//?labelSelector=none`,
  `/${REQUESTS_PATH}?labelSelector=none`,
  `${REQUESTS_PATH}/$name/`,
  `${REQUESTS_PATH}//$name`,
  `${REQUESTS_PATH}/$name/status/`,
  `${REQUESTS_PATH}/%24name`,
  `${REQUESTS_PATH}/../certificatesigningrequests/$name`,
  `${REQUESTS_PATH}/./$name`,
  `${REQUESTS_PATH}/..`,
  `${REQUESTS_PATH}/%2e%2e`,
  `${REQUESTS_PATH}/a%2Fb`,
  `${REQUESTS_PATH}/a%25b`,
  `${REQUESTS_PATH}/%zz`,
  `${REQUESTS_PATH}/%`,
  `${REQUESTS_PATH}/%ff`,
  `${REQUESTS_PATH}/a%20b`,
  `${REQUESTS_PATH}/a+b`,
  `${REQUESTS_PATH}/${"n".repeat(300)}`,
  "/apis/certificates.k8s.io/v1/namespaces/default/certificatesigningrequests",
  "/apis/certificates.k8s.io/v1/namespaces/default/certificatesigningrequests/$name",
  "/apis/certificates.k8s.io/v1/CertificateSigningRequests",
  "/apis/certificates.k8s.io/v1/certificatesigningrequest",
  "/apis/certificates.k8s.io/v1/csr",
  "/apis/certificates.k8s.io/v1beta1/certificatesigningrequests",
  "/apis/certificates.k8s.io/v3/certificatesigningrequests",
  "/api/v1/certificatesigningrequests",
  "/certificates.k8s.io/v1/certificatesigningrequests",
  "/nothing",
].map((path) => ({ name: `path: ${path.slice(0, 120)}`, given: GIVEN, asked: [get(path)] }));

/** Methods and odd paths. */
export const PATHS: readonly Row[] = [...METHODS, ...ODD_PATHS];
