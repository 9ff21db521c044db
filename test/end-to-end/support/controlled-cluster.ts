import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type {
  CertificateSigningRequest,
  CsrCondition,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { certificateUser, kubeconfigText } from "../../builders/kubeconfig.ts";
import { REQUESTS_PATH } from "./certificate-requests-client.ts";
import { makeClient } from "./client-certificates.ts";
import { configurationWith } from "./configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./gatehouse-process.ts";
import { HttpsClient } from "./https-client.ts";
import { type AuthorityArguments, type AuthorityFiles, makeAuthority } from "./openssl-authority.ts";
import { type KubernetesPrograms, type RealApiserver, startRealApiserver } from "./real-apiserver.ts";

const RBAC_PATH = "/apis/rbac.authorization.k8s.io/v1";
/** Everything the controller may be granted: with the configuration of the manifests, and with what settings add. */
const RBAC_DIRECTORIES = ["rbac", "components/kubelet-serving", "components/cluster-trust-bundle"];
/** The user of the manifests. */
export const CONTROLLER = "system:serviceaccount:gatehouse-system:gatehouse-controller";
const BOOTSTRAP_TOKEN = { id: "abcdef", secret: "0123456789abcdef" };
const GUARDS = ["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"];
/** Replicas are started while others work. */
const START_LIMIT_MILLISECONDS = 120_000;
const WAIT_LIMIT_MILLISECONDS = 60_000;

function rbacObjects<T>(directory: string): readonly T[] {
  const file = join(import.meta.dirname, "../../../config/kubernetes", directory, "rbac.yaml");
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as T);
}

/** Every call that manifests grant, as `verb resource`; what only admission asks about is left out. */
export function grantedCalls(directories: readonly string[] = RBAC_DIRECTORIES): readonly string[] {
  interface Rules {
    readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  }
  const calls = directories
    .flatMap(rbacObjects<Rules>)
    .flatMap(({ rules = [] }) =>
      rules.flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
      ),
    );
  return [...new Set(calls)].filter((call) => !call.endsWith(" signers"));
}

/** A real control plane without a controller of its own, whose requests `gatehouse controller` works on. */
export class ControlledCluster {
  readonly directory: string;
  readonly authority: AuthorityFiles;
  readonly apiserver: RealApiserver;
  readonly #masters: HttpsClient;
  readonly #controllers: GatehouseProcess[] = [];

  private constructor(directory: string, authority: AuthorityFiles, apiserver: RealApiserver) {
    this.directory = directory;
    this.authority = authority;
    this.apiserver = apiserver;
    this.#masters = new HttpsClient(apiserver.url, apiserver.masters);
  }

  /**
   * @param directory - for everything there is; removed by the caller.
   * @param more - further arguments of kube-apiserver.
   * @param kind - of the CA's key.
   */
  static async start(
    directory: string,
    programs: KubernetesPrograms,
    more: readonly string[] = [],
    kind: AuthorityArguments["kind"] = "ecdsa-p384",
  ): Promise<ControlledCluster> {
    const authority = makeAuthority(directory, { commonName: "cluster-ca", kind });
    const apiserver = await startRealApiserver({ programs, directory, authority, guards: GUARDS, arguments: more });
    const cluster = new ControlledCluster(directory, authority, apiserver);
    for (const directory of RBAC_DIRECTORIES) await cluster.grant(directory);
    await cluster.#admitBootstrappers();
    return cluster;
  }

  get caPem(): string {
    return readFileSync(this.authority.certificateFile, "utf8");
  }

  /** The kubeconfig of the controller's service account. */
  get controllerKubeconfig(): string {
    const groups = "/O=system:serviceaccounts/O=system:authenticated";
    const client = makeClient(this.directory, this.authority, "controller", `${groups}/CN=${CONTROLLER}`);
    return this.#write("controller.kubeconfig", certificateUser(client));
  }

  get mastersKubeconfig(): string {
    const { certificatePem = "", privateKeyPem = "" } = this.apiserver.masters;
    return this.#write("masters.kubeconfig", certificateUser({ certificatePem, privateKeyPem }));
  }

  get bootstrapToken(): string {
    return `${BOOTSTRAP_TOKEN.id}.${BOOTSTRAP_TOKEN.secret}`;
  }

  get bootstrapKubeconfig(): string {
    return this.#write("bootstrap.kubeconfig", { token: this.bootstrapToken });
  }

  /** Starts a controller that signs with the cluster's CA. */
  async startController(settings: object = {}, dataDirectory?: string): Promise<GatehouseProcess> {
    const { certificateFile, keyFile } = this.authority;
    const controller = await startGatehouse({
      command: ["controller", "--kubeconfig", this.controllerKubeconfig],
      startLimitMilliseconds: START_LIMIT_MILLISECONDS,
      configuration: configurationWith({ issuer: { import: { certificateFile, keyFile } }, ...settings }),
      ...(dataDirectory !== undefined && { dataDirectory }),
    });
    this.#controllers.push(controller);
    return controller;
  }

  /** Everything the controller may do is in manifests. @param directory - of `config/kubernetes`, with its rights. */
  async grant(directory: string): Promise<void> {
    for (const object of rbacObjects<{ kind: string; metadata: { namespace?: string } }>(directory)) {
      const { namespace } = object.metadata;
      const where = namespace === undefined ? "" : `/namespaces/${namespace}`;
      await this.send("POST", `${RBAC_PATH}${where}/${object.kind.toLowerCase()}s`, object);
    }
  }

  /** Lets the controller sign for a signer that the manifests do not name. */
  async grantSigner(signerName: string): Promise<void> {
    const rule = { apiGroups: ["certificates.k8s.io"], resources: ["signers"], resourceNames: [signerName] };
    const metadata = { name: "test:signs-for-more" };
    const apiGroup = "rbac.authorization.k8s.io";
    const kinds = { apiVersion: `${apiGroup}/v1`, metadata };
    const role = { ...kinds, kind: "ClusterRole", rules: [{ ...rule, verbs: ["approve", "sign"] }] };
    await this.send("POST", `${RBAC_PATH}/clusterroles`, role);
    await this.send("POST", `${RBAC_PATH}/clusterrolebindings`, {
      ...{ ...kinds, kind: "ClusterRoleBinding", roleRef: { apiGroup, kind: "ClusterRole", name: metadata.name } },
      subjects: [{ apiGroup, kind: "User", name: CONTROLLER }],
    });
  }

  /** Sends something as `system:masters`. @throws unless it succeeds. */
  async send<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse(await this.sendText(method, path, body)) as T;
  }

  /** The same where the answer is no JSON. */
  async sendText(method: string, path: string, body?: object): Promise<string> {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { "content-type": "application/json" };
    const answer = await this.#masters.send(method, path, { headers, ...text });
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.toString()}`);
    return answer.body.toString();
  }

  request(name: string): Promise<CertificateSigningRequest> {
    return this.send("GET", `${REQUESTS_PATH}/${name}`);
  }

  /** Creates a request as `system:masters`. */
  create(name: string, spec: object): Promise<CertificateSigningRequest> {
    const kind = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };
    return this.send("POST", REQUESTS_PATH, { ...kind, metadata: { name }, spec });
  }

  async decide(name: string, condition: Pick<CsrCondition, "type" | "reason" | "message">): Promise<void> {
    const csr = await this.request(name);
    const conditions = [...(csr.status.conditions ?? []), { ...condition, status: "True" }];
    await this.send("PUT", `${REQUESTS_PATH}/${name}/approval`, { ...csr, status: { ...csr.status, conditions } });
  }

  /** Waits until a request is as it should be. */
  async until(
    name: string,
    isSo: (csr: CertificateSigningRequest) => boolean,
    limit = WAIT_LIMIT_MILLISECONDS,
  ): Promise<CertificateSigningRequest> {
    const end = Date.now() + limit;
    for (;;) {
      const csr = await this.request(name);
      if (isSo(csr)) return csr;
      if (Date.now() > end)
        throw new Error(`waited in vain; the request is ${JSON.stringify(csr.status)}${this.#logs()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    for (const controller of this.#controllers) await controller.remove();
    this.#masters.close();
    await this.apiserver.stop();
  }

  #logs(): string {
    return this.#controllers.map((controller) => `\n${controller.log()}`).join("");
  }

  #write(name: string, user: object): string {
    const path = join(this.directory, name);
    writeFileSync(path, kubeconfigText(this.apiserver.url, this.caPem, user));
    return path;
  }

  /** As kubeadm does it. */
  async #admitBootstrappers(): Promise<void> {
    const csrs = "system:certificates.k8s.io:certificatesigningrequests";
    await this.#bind("kubelet-bootstrap", "system:bootstrappers", "system:node-bootstrapper");
    await this.#bind("node-autoapprove-bootstrap", "system:bootstrappers", `${csrs}:nodeclient`);
    await this.#bind("node-autoapprove-certificate-rotation", "system:nodes", `${csrs}:selfnodeclient`);
    const { id, secret } = BOOTSTRAP_TOKEN;
    await this.send("POST", "/api/v1/namespaces/kube-system/secrets", {
      ...{ apiVersion: "v1", kind: "Secret", type: "bootstrap.kubernetes.io/token" },
      metadata: { name: `bootstrap-token-${id}`, namespace: "kube-system" },
      stringData: { "token-id": id, "token-secret": secret, "usage-bootstrap-authentication": "true" },
    });
  }

  async #bind(name: string, group: string, role: string): Promise<void> {
    const apiGroup = "rbac.authorization.k8s.io";
    await this.send("POST", `${RBAC_PATH}/clusterrolebindings`, {
      ...{ apiVersion: `${apiGroup}/v1`, kind: "ClusterRoleBinding", metadata: { name: `test:${name}` } },
      roleRef: { apiGroup, kind: "ClusterRole", name: role },
      subjects: [{ apiGroup, kind: "Group", name: group }],
    });
  }
}
