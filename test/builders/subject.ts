import type { Subject, SubjectAltNames } from "../../services/certificate-authority/domain/csr-facts.ts";

/** The subject of a kubelet's client certificate: CN `system:node:worker-1`, O `system:nodes`. */
export function buildSubject(overrides: Partial<Subject> = {}): Subject {
  return {
    country: [],
    organization: ["system:nodes"],
    organizationalUnit: [],
    locality: [],
    province: [],
    streetAddress: [],
    postalCode: [],
    commonName: "system:node:worker-1",
    serialNumber: "",
    ...overrides,
  };
}

/** No names but the given ones. */
export function buildSans(overrides: Partial<SubjectAltNames> = {}): SubjectAltNames {
  return { dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [], ...overrides };
}
