import type {
  CertificateSigningRequest,
  CsrCondition,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { Status } from "../../../services/shared/status-error.ts";
import { REQUESTS_PATH, RefusedError } from "./certificate-requests-client.ts";
import { HttpsClient, readKubeconfig } from "./https-client.ts";

/** A certificate on record, as far as tests look at it. */
export interface CertificateOnRecord {
  readonly serial: string;
  readonly fingerprint: string;
  readonly state: string;
  readonly signerName: string;
  readonly nodeName?: string;
  readonly commonName: string;
  readonly predecessor?: string;
  readonly keyReused?: boolean;
  readonly request?: { readonly name: string; readonly uid: string; readonly requester: string };
}

export interface JobRunOutcome {
  readonly outcome: string;
  readonly summary: string;
  readonly details: { readonly lines?: readonly string[] };
}

export interface NewToken {
  readonly ttlSeconds?: number;
  readonly nodeName?: string;
  readonly use?: "attestation";
}

/** An entry of the audit trail, as far as tests look at it. */
export interface EntryOnRecord {
  readonly verb: string;
  readonly name: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A person with `admin.kubeconfig`: decides on requests as kubectl does and looks at the record. */
export class Administrator {
  readonly #https: HttpsClient;

  constructor(kubeconfigPath: string) {
    const { url, credentials } = readKubeconfig(kubeconfigPath);
    this.#https = new HttpsClient(url, credentials);
  }

  request(name: string): Promise<CertificateSigningRequest> {
    return this.#json("GET", `${REQUESTS_PATH}/${name}`);
  }

  async requests(): Promise<readonly CertificateSigningRequest[]> {
    const list = await this.#json<{ items: readonly CertificateSigningRequest[] }>("GET", REQUESTS_PATH);
    return list.items;
  }

  async submit(
    csr: Pick<CertificateSigningRequest, "spec"> & { metadata: { generateName: string } | { name: string } },
  ) {
    return this.#json<CertificateSigningRequest>("POST", REQUESTS_PATH, csr);
  }

  approve(name: string): Promise<CertificateSigningRequest> {
    return this.#decide(name, { type: "Approved", status: "True", reason: "KubectlApprove" });
  }

  deny(name: string): Promise<CertificateSigningRequest> {
    return this.#decide(name, { type: "Denied", status: "True", reason: "KubectlDeny", message: "no such machine" });
  }

  annotate(name: string, annotations: Readonly<Record<string, string>>): Promise<CertificateSigningRequest> {
    return this.#json(
      "PATCH",
      `${REQUESTS_PATH}/${name}`,
      { metadata: { annotations } },
      "application/merge-patch+json",
    );
  }

  removeRequest(name: string): Promise<unknown> {
    return this.#json("DELETE", `${REQUESTS_PATH}/${name}`);
  }

  createToken(token: NewToken): Promise<{ readonly id: string; readonly token: string }> {
    return this.#json("POST", "/v1/bootstrap-tokens", token);
  }

  /** The newest entries of one noun first. */
  async audit(noun: string): Promise<readonly EntryOnRecord[]> {
    const list = await this.#json<{ items: readonly EntryOnRecord[] }>("GET", `/v1/audit?resource=${noun}`);
    return list.items;
  }

  async tokenIds(): Promise<readonly string[]> {
    const list = await this.#json<{ items: readonly { readonly id: string }[] }>("GET", "/v1/bootstrap-tokens");
    return list.items.map(({ id }) => id);
  }

  removeToken(id: string): Promise<unknown> {
    return this.#json("DELETE", `/v1/bootstrap-tokens/${id}`);
  }

  revoke(fingerprint: string): Promise<unknown> {
    return this.#json("POST", `/v1/certificates/${fingerprint}/revoke`, { reason: "keyCompromise" });
  }

  /** All certificates on record, newest first. */
  async certificates(query: Readonly<Record<string, string>> = {}): Promise<readonly CertificateOnRecord[]> {
    return this.#all<CertificateOnRecord>("/v1/certificates", query);
  }

  /** All pages of a list. */
  async #all<Item>(path: string, query: Readonly<Record<string, string>>): Promise<readonly Item[]> {
    const found: Item[] = [];
    let next: string | undefined = "";
    while (next !== undefined) {
      const parameters = new URLSearchParams({ ...query, limit: "1000", ...(next !== "" && { continue: next }) });
      const page: { metadata: { continue?: string }; items: readonly Item[] } = await this.#json(
        "GET",
        `${path}?${parameters}`,
      );
      found.push(...page.items);
      next = page.metadata.continue;
    }
    return found;
  }

  async certificatePem(serial: string): Promise<string> {
    const headers = { accept: "application/x-pem-file" };
    return (await this.#https.send("GET", `/v1/certificates/${serial}`, { headers })).body.toString("utf8");
  }

  decisions(
    name: string,
  ): Promise<{ readonly items: readonly { readonly outcome: string; readonly hook?: string }[] }> {
    return this.#json("GET", `/v1/requests/${name}/decision`);
  }

  verifyLedger(): Promise<{
    readonly sound: boolean;
    readonly problems: readonly string[];
    readonly certificates: number;
  }> {
    return this.#json("POST", "/v1/ledger/verification");
  }

  /** What the hash chain says; at most a thousand entries. */
  async auditEntries(query: Readonly<Record<string, string>>): Promise<readonly { readonly name: string }[]> {
    return this.#all("/v1/audit", query);
  }

  async metrics(): Promise<string> {
    return (await this.#https.send("GET", "/metrics")).body.toString();
  }

  /** The names of the scheduler's jobs. */
  async jobs(): Promise<readonly string[]> {
    const { items } = await this.#json<{ items: readonly { readonly name: string }[] }>("GET", "/v1/jobs");
    return items.map(({ name }) => name);
  }

  /** Runs a job and waits until it has ended. */
  runJob(name: string, dryRun = false): Promise<JobRunOutcome> {
    return this.#json("POST", `/v1/jobs/${name}/run`, { dryRun, waitSeconds: 30 });
  }

  close(): void {
    this.#https.close();
  }

  /** Reads the object and puts it back with one more condition, as `kubectl certificate` does. */
  async #decide(name: string, condition: CsrCondition): Promise<CertificateSigningRequest> {
    const csr = await this.request(name);
    const decided = { ...condition, lastUpdateTime: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
    const conditions = [...(csr.status.conditions ?? []), decided];
    return this.#json("PUT", `${REQUESTS_PATH}/${name}/approval`, { ...csr, status: { ...csr.status, conditions } });
  }

  async #json<T>(method: string, path: string, body?: unknown, type = "application/json"): Promise<T> {
    const message = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { accept: "application/json", ...(body !== undefined && { "content-type": type }) };
    const answer = await this.#https.send(method, path, { headers, ...message });
    const object: unknown = JSON.parse(answer.body.toString("utf8"));
    if (answer.status >= 300) throw new RefusedError(object as Status);
    return object as T;
  }
}
