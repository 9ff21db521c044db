import { expect, test } from "@jest/globals";
import { requestOfDocument } from "../../../services/certificate-authority/domain/request-of-document.ts";
import { reviewDocument } from "../../../services/certificate-authority/domain/review-document.ts";
import { BOUND_NODE_EXTRA } from "../../../services/shared/user-info.ts";
import { document } from "../../builders/review-document.ts";

test.each([
  { name: "a first client request", parts: {} },
  {
    name: "a bound, limited and labelled request with an RSA key",
    parts: {
      request: { expirationSeconds: 3600, labels: { a: "b" }, annotations: { c: "d" } },
      requester: { extra: { [BOUND_NODE_EXTRA]: ["worker-1"] } },
      boundNodeName: "worker-1",
      key: { algorithm: "RSA", bits: 3072, curve: "" },
    },
  },
  {
    name: "a serving request with an Ed25519 key",
    parts: {
      request: { signerName: "kubernetes.io/kubelet-serving", usages: ["server auth"] },
      sans: { dnsNames: ["worker-1"], ipAddresses: ["10.0.0.1"] },
      key: { algorithm: "Ed25519", curve: "" },
    },
  },
] as const)("a request made of a document has that document: $name", ({ parts }) => {
  const original = document(parts);
  expect(reviewDocument(requestOfDocument(original), [])).toEqual(original);
});
