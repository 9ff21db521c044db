import type { z } from "zod";
import { PEM_TYPE } from "../negotiation.ts";
import { personalVerdict } from "./approval.ts";
import { ATTESTATION_SCHEMAS, attestationInputs, attestationPaths } from "./attestation-open-api.ts";
import { auditListQuery } from "./audit.ts";
import { bootstrapTokenRequest } from "./bootstrap-tokens.ts";
import { certificateListQuery } from "./certificate-query.ts";
import { issuerChain } from "./configured-issuers.ts";
import { EXPIRY_SCHEMAS, expiryPaths } from "./expiry-open-api.ts";
import { explainRequest } from "./explain.ts";
import { INVENTORY_SCHEMAS, inventoryInputs, inventoryPaths } from "./inventory-open-api.ts";
import { ROTATION_SCHEMAS, rotationInputs, rotationPaths } from "./issuer-rotation-open-api.ts";
import { jobList, jobRun, jobRunList, jobRunRequest, runsQuery } from "./jobs.ts";
import { REVISION_HEADER, SQLITE_TYPE } from "./ledger.ts";
import { PROOF_SCHEMAS, proofPaths } from "./ledger-open-api.ts";
import { OCSP_REQUEST_TYPE, OCSP_RESPONSE_TYPE } from "./ocsp.ts";
import {
  answer,
  type Json,
  json,
  operation,
  pathParameter,
  queryParameters,
  TEXT,
  toSchema,
} from "./open-api-parts.ts";
import { recordedRequestsQuery } from "./recorded-requests.ts";
import * as resources from "./resources.ts";
import { CRL_TYPE } from "./revocation-lists.ts";
import {
  certificateRevocation,
  nodeQuarantine,
  nodeReadmission,
  revocationListQuery,
  revocationRequest,
} from "./revocations.ts";
import { shadowQuery } from "./shadow.ts";
import { spiffeBundle } from "./spiffe-bundles.ts";

/** Where the document is registered below `/openapi/v3`. */
export const ADMIN_OPEN_API_PATH = "v1";

const SCHEMAS = {
  Certificate: resources.certificate,
  CertificateList: resources.certificateList,
  ...INVENTORY_SCHEMAS,
  ...ATTESTATION_SCHEMAS,
  ...PROOF_SCHEMAS,
  ...EXPIRY_SCHEMAS,
  Decision: resources.decision,
  RecordedRequestList: resources.recordedRequestList,
  DecisionList: resources.decisionList,
  ApprovalOutcome: resources.approvalOutcome,
  ApprovalChain: resources.approvalChain,
  ShadowChain: resources.shadowChain,
  BootstrapToken: resources.bootstrapToken,
  BootstrapTokenList: resources.bootstrapTokenList,
  Issuer: resources.issuer,
  IssuerList: resources.issuerList,
  ConfiguredIssuer: resources.configuredIssuer,
  ConfiguredIssuerList: resources.configuredIssuerList,
  IssuerRequest: resources.issuerRequest,
  ...ROTATION_SCHEMAS,
  Reencryption: resources.reencryption,
  AuditEntryList: resources.auditEntryList,
  RevocationList: resources.revocationList,
  RevocationOutcome: resources.revocationOutcome,
  JobList: jobList,
  JobRun: jobRun,
  JobRunList: jobRunList,
  LedgerVerification: resources.ledgerVerification,
  LedgerVerificationProgress: resources.verificationProgress,
  SpiffeBundle: spiffeBundle,
} as const satisfies Record<string, z.ZodType>;

/** The OpenAPI 3 description of `/v1`, made from the schemas that check and shape its bodies. */
export function adminOpenApiDocument(version: string): Json {
  const schemas = Object.entries(SCHEMAS).map(([name, schema]) => [name, toSchema(schema, "output")]);
  return {
    openapi: "3.0.0",
    info: { title: "Gatehouse", version, description: "What Gatehouse keeps and does beyond the Kubernetes APIs." },
    paths: paths(),
    components: {
      schemas: {
        ...Object.fromEntries(schemas),
        ExplainRequest: toSchema(explainRequest, "input"),
        NewBootstrapToken: toSchema(bootstrapTokenRequest, "input"),
        PersonalVerdict: toSchema(personalVerdict, "input"),
        IssuerChain: toSchema(issuerChain, "input"),
        ...rotationInputs(),
        JobRunRequest: toSchema(jobRunRequest, "input"),
        ...inventoryInputs(),
        ...attestationInputs(),
        CertificateRevocation: toSchema(certificateRevocation, "input"),
        NodeQuarantine: toSchema(nodeQuarantine, "input"),
        NodeReadmission: toSchema(nodeReadmission, "input"),
        Revocation: toSchema(revocationRequest, "input"),
        Status: STATUS,
      },
    },
  };
}

const STATUS: Json = {
  type: "object",
  description: "The metav1.Status of Kubernetes; every error is one, with what was wrong in message.",
  required: ["apiVersion", "kind", "status"],
  properties: {
    apiVersion: { type: "string", enum: ["v1"] },
    kind: { type: "string", enum: ["Status"] },
    metadata: { type: "object" },
    status: { type: "string", enum: ["Success", "Failure"] },
    message: { type: "string" },
    reason: { type: "string" },
    details: { type: "object" },
    code: { type: "integer" },
  },
};

const BINARY: Json = { schema: { type: "string", format: "binary" } };
const OCSP_ANSWER: Json = {
  200: {
    description: "The answer, or why there is none; 404 when OCSP is not configured.",
    content: { [OCSP_RESPONSE_TYPE]: BINARY },
  },
};

function paths(): Json {
  return {
    "/v1/certificates": {
      get: {
        ...operation("listCertificates", "Lists signed certificates, the newest first.", answer("CertificateList")),
        parameters: queryParameters(certificateListQuery),
      },
    },
    "/v1/certificates/{id}": {
      parameters: [pathParameter("id", "Serial or SHA-256 fingerprint in hexadecimal.")],
      get: operation("readCertificate", "Shows one certificate.", answer("Certificate", true)),
    },
    "/v1/certificates/{id}/revoke": {
      parameters: [pathParameter("id", "Serial or SHA-256 fingerprint in hexadecimal.")],
      post: {
        ...operation("revokeCertificate", "Revokes one certificate, for good.", answer("RevocationOutcome")),
        requestBody: { required: false, content: json("CertificateRevocation") },
      },
    },
    "/v1/revocations": {
      get: {
        ...operation(
          "listRevocations",
          "The feed of revocations and quarantines after a sequence, the oldest first; waits for the next when asked to.",
          answer("RevocationList"),
        ),
        parameters: queryParameters(revocationListQuery),
      },
      post: {
        ...operation(
          "revoke",
          "Revokes a certificate, or all valid ones of a node or key; all of it or nothing.",
          answer("RevocationOutcome"),
        ),
        requestBody: { required: true, content: json("Revocation") },
      },
    },
    "/v1/ocsp": {
      post: {
        ...operation("askOcsp", "Whether certificates are revoked (RFC 6960); anybody may ask.", OCSP_ANSWER),
        requestBody: { required: true, content: { [OCSP_REQUEST_TYPE]: BINARY } },
      },
    },
    "/v1/ocsp/{request}": {
      parameters: [pathParameter("request", "The request, DER, in base64.")],
      get: operation("askOcspByUrl", "The same, for caches on the way.", OCSP_ANSWER),
    },
    "/v1/crls/{issuerId}": {
      parameters: [pathParameter("issuerId", "SHA-256 fingerprint of the CA certificate.")],
      get: operation("readRevocationList", "The CRL of an issuer (RFC 5280), as of now; anybody may read it.", {
        200: {
          description: "The CRL, DER or PEM by the Accept header.",
          content: {
            [CRL_TYPE]: BINARY,
            [PEM_TYPE]: { schema: { type: "string" } },
          },
        },
      }),
    },
    "/v1/nodes/{name}/quarantine": {
      parameters: [pathParameter("name", "Name of the node.")],
      post: {
        ...operation(
          "quarantineNode",
          "Revokes all valid certificates of a node; it gets no other until it is readmitted.",
          answer("RevocationOutcome"),
        ),
        requestBody: { required: false, content: json("NodeQuarantine") },
      },
    },
    "/v1/nodes/{name}/readmit": {
      parameters: [pathParameter("name", "Name of the node.")],
      post: {
        ...operation(
          "readmitNode",
          "Lets a node out of quarantine; what was revoked stays so.",
          answer("RevocationOutcome"),
        ),
        requestBody: { required: false, content: json("NodeReadmission") },
      },
    },
    ...inventoryPaths(),
    ...attestationPaths(),
    ...expiryPaths(),
    "/v1/requests/{name}/decision": {
      parameters: [pathParameter("name", "Name of the CertificateSigningRequest.")],
      get: operation(
        "readDecision",
        "Every decision on requests of this name with its trace, oldest first; what would change the newest. Requesters " +
          "without the right to this path see the newest on their own requests, redacted.",
        answer("DecisionList"),
      ),
    },
    "/v1/requests/{name}/approve": {
      parameters: [pathParameter("name", "Name of the CertificateSigningRequest.")],
      post: {
        ...operation(
          "approveRequest",
          "Approves a request, or counts the approval where several people have to give theirs.",
          answer("ApprovalOutcome"),
        ),
        requestBody: { required: false, content: json("PersonalVerdict") },
      },
    },
    "/v1/requests/{name}/deny": {
      parameters: [pathParameter("name", "Name of the CertificateSigningRequest.")],
      post: {
        ...operation("denyRequest", "Denies a request for good.", answer("ApprovalOutcome")),
        requestBody: { required: false, content: json("PersonalVerdict") },
      },
    },
    "/v1/recorded-requests": {
      get: {
        ...operation(
          "listRecordedRequests",
          "Requests that were decided, in that order, with what is needed to decide them again; for policy replay.",
          answer("RecordedRequestList"),
        ),
        parameters: queryParameters(recordedRequestsQuery),
      },
    },
    "/v1/explain": {
      post: {
        ...operation(
          "explainRequest",
          "Decides a request that is not made, by the hooks as they are now; nothing is stored.",
          answer("Decision"),
        ),
        requestBody: { required: true, content: json("ExplainRequest") },
      },
    },
    "/v1/approval": {
      get: operation(
        "readApprovalChain",
        "The approval chain in force, and what keeps the configuration file from being so.",
        answer("ApprovalChain"),
      ),
    },
    "/v1/approval/shadow": {
      get: {
        ...operation(
          "readShadowChain",
          "How often the shadow chain would have decided otherwise, and the newest examples.",
          answer("ShadowChain"),
        ),
        parameters: queryParameters(shadowQuery),
      },
    },
    "/v1/bootstrap-tokens": {
      get: operation("listBootstrapTokens", "Lists bootstrap tokens without secrets.", answer("BootstrapTokenList")),
      post: {
        ...operation("createBootstrapToken", "Makes a bootstrap token and shows it once.", {
          201: { description: "Created", content: json("BootstrapToken") },
        }),
        requestBody: { required: true, content: json("NewBootstrapToken") },
      },
    },
    "/v1/bootstrap-tokens/{id}": {
      parameters: [pathParameter("id", "The six characters before the token's dot.")],
      get: operation("readBootstrapToken", "Shows one bootstrap token without its secret.", answer("BootstrapToken")),
      delete: operation("deleteBootstrapToken", "Takes a bootstrap token back at once.", answer("Status")),
    },
    "/v1/issuers": {
      get: operation("listIssuers", "Lists the certificate authorities of every slot.", answer("IssuerList")),
    },
    "/v1/issuers/{id}": {
      parameters: [pathParameter("id", "SHA-256 fingerprint of the CA certificate.")],
      get: operation("readIssuer", "Shows one certificate authority.", answer("Issuer", true)),
    },
    "/v1/issuers/reencryption": {
      post: operation(
        "reencryptIssuers",
        "Reads the encryption keys again and encrypts every private key under the first of them.",
        answer("Reencryption"),
      ),
    },
    "/v1/configured-issuers": {
      get: operation(
        "listConfiguredIssuers",
        "The issuers that the configuration names, also those that cannot sign yet.",
        answer("ConfiguredIssuerList"),
      ),
    },
    "/v1/configured-issuers/{name}/request": {
      parameters: [pathParameter("name", "What the configuration calls the issuer.")],
      post: operation(
        "requestIssuerCertificate",
        "Asks for the certificate of an issuer that is signed elsewhere; the first call makes its key.",
        answer("IssuerRequest"),
      ),
    },
    "/v1/configured-issuers/{name}/certificate": {
      parameters: [pathParameter("name", "What the configuration calls the issuer.")],
      post: {
        ...operation(
          "installIssuerCertificate",
          "Takes the certificate of an issuer that is signed elsewhere, checks it and signs with it from then on.",
          answer("ConfiguredIssuer"),
        ),
        requestBody: { required: true, content: json("IssuerChain") },
      },
    },
    ...rotationPaths(),
    "/v1/trust-bundle": {
      get: {
        ...operation("readTrustBundle", "The CA certificates to trust now. Needs no credentials.", {
          200: { description: "The bundle; its ETag changes when it does.", content: { [PEM_TYPE]: TEXT } },
          304: { description: "If-None-Match named the bundle's ETag; nodes and consumers show so that they hold it." },
        }),
        security: [],
      },
    },
    "/v1/spiffe/bundles/{trustDomain}": {
      parameters: [pathParameter("trustDomain", "A trust domain that a signer is configured for.")],
      get: {
        ...operation("readSpiffeBundle", "The CAs of X.509-SVIDs, as a SPIFFE bundle. Needs no credentials.", {
          200: { description: "The bundle; its ETag changes when it does.", content: json("SpiffeBundle") },
          304: { description: "If-None-Match named the bundle's ETag." },
        }),
        security: [],
      },
    },
    "/v1/audit": {
      get: {
        ...operation(
          "listAuditEntries",
          "What was decided, signed, made and taken away, from the hash chain; the newest first.",
          answer("AuditEntryList"),
        ),
        parameters: queryParameters(auditListQuery),
      },
    },
    "/v1/jobs": {
      get: operation(
        "listJobs",
        "The jobs of the scheduler, when they run next, and their last runs.",
        answer("JobList"),
      ),
    },
    "/v1/jobs/{name}/runs": {
      parameters: [pathParameter("name", "Name of the job.")],
      get: {
        ...operation("listJobRuns", "The runs of a job, the newest first.", answer("JobRunList")),
        parameters: queryParameters(runsQuery),
      },
    },
    "/v1/jobs/{name}/runs/{id}": {
      parameters: [pathParameter("name", "Name of the job."), pathParameter("id", "Number of the run.")],
      get: operation("readJobRun", "One run of a job.", answer("JobRun")),
    },
    "/v1/jobs/{name}/run": {
      parameters: [pathParameter("name", "Name of the job.")],
      post: {
        ...operation("runJob", "Runs a job now, and waits for its end as long as was asked for.", {
          201: { description: "Begun; outcome tells whether it has ended.", content: json("JobRun") },
        }),
        requestBody: { required: false, content: json("JobRunRequest") },
      },
    },
    ...proofPaths(),
    "/v1/ledger/backup": {
      get: operation("backUpLedger", "Streams a consistent copy of the ledger.", {
        200: {
          description: "A SQLite database.",
          headers: { [REVISION_HEADER]: { description: "The revision it holds.", schema: { type: "string" } } },
          content: { [SQLITE_TYPE]: { schema: { type: "string", format: "binary" } } },
        },
      }),
    },
    "/v1/ledger/verification": {
      get: operation(
        "readLedgerVerification",
        "How far the verification is that runs.",
        answer("LedgerVerificationProgress"),
      ),
      post: operation(
        "verifyLedger",
        "Checks the whole ledger, its hash chain and each certificate in it.",
        answer("LedgerVerification"),
      ),
    },
  };
}
