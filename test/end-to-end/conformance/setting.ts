import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeClient } from "../support/client-certificates.ts";
import { configurationWith } from "../support/configuration.ts";
import { startGatehouse } from "../support/gatehouse-process.ts";
import { type Credentials, HttpsClient } from "../support/https-client.ts";
import { type AuthorityFiles, makeAuthority } from "../support/openssl-authority.ts";
import { type KubernetesPrograms, type RealApiserver, startRealApiserver } from "../support/real-apiserver.ts";
import { type Callers, Player } from "./player.ts";
import { KUBEADM_BINDINGS, RBAC_OBJECTS, SUBJECTS, type UserName } from "./users.ts";

/** Gatehouse and a kube-apiserver that trust the same CA and know the same users with the same rights. */
export interface Setting {
  readonly ours: Player;
  readonly theirs: Player;
  /** The user `admin` of each. */
  readonly administrators: { readonly ours: HttpsClient; readonly theirs: HttpsClient };
  readonly authority: AuthorityFiles;
  readonly apiserver: RealApiserver;
  /** Holds the CA and what else is made for the setting; goes with it. */
  readonly directory: string;
  stop(): Promise<void>;
}

export async function startSetting(programs: KubernetesPrograms): Promise<Setting> {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-conformance-"));
  const authority = makeAuthority(directory, { commonName: "conformance", kind: "ecdsa-p384" });
  const rbacFile = join(directory, "rbac.yaml");
  writeFileSync(rbacFile, JSON.stringify({ apiVersion: "v1", kind: "List", items: RBAC_OBJECTS }));
  const configuration = configurationWith({
    issuer: { import: authority },
    rbac: { files: [rbacFile] },
    // Nothing acts on a request in kube-apiserver alone either.
    approval: { hooks: [{ manual: {} }], guards: { supersede: false, pendingPerNode: 10_000 } },
    log: { level: "error" },
  });
  const [gatehouse, apiserver] = await Promise.all([
    startGatehouse({ configuration }),
    startRealApiserver({ programs, directory, authority }),
  ]);
  await grantRights(apiserver);
  const credentials = credentialsOf(directory, authority, apiserver.masters.caPem);
  const ours = callersOf(gatehouse.url, credentials);
  const theirs = callersOf(apiserver.url, credentials);
  return {
    ours: new Player(ours),
    theirs: new Player(theirs),
    administrators: { ours: ours.admin, theirs: theirs.admin },
    authority,
    apiserver,
    directory,
    stop: async () => {
      for (const client of [...Object.values(ours), ...Object.values(theirs)]) client.close();
      await Promise.all([gatehouse.remove(), apiserver.stop()]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function grantRights({ url, masters }: RealApiserver): Promise<void> {
  const client = new HttpsClient(url, masters);
  for (const object of [...RBAC_OBJECTS, ...KUBEADM_BINDINGS]) {
    const { kind } = object as { readonly kind: string };
    const path = `/apis/rbac.authorization.k8s.io/v1/${kind.toLowerCase()}s`;
    const headers = { "content-type": "application/json" };
    const { status, body } = await client.send("POST", path, { headers, body: JSON.stringify(object) });
    if (status !== 201) throw new Error(`${kind} was not created: ${body.toString("utf8")}`);
  }
  client.close();
}

type CredentialsOfUsers = Readonly<Record<UserName, Credentials>>;

function credentialsOf(
  directory: string,
  authority: Parameters<typeof makeClient>[1],
  caPem: string,
): CredentialsOfUsers {
  const entries = Object.entries(SUBJECTS).map(([name, subject]) => {
    return [name, { caPem, ...(subject !== undefined && makeClient(directory, authority, name, subject)) }];
  });
  return Object.fromEntries(entries);
}

function callersOf(url: string, credentials: CredentialsOfUsers): Callers {
  const entries = Object.entries(credentials).map(([name, shown]) => [name, new HttpsClient(url, shown)]);
  return Object.fromEntries(entries);
}
