import { expect, test } from "@jest/globals";
import { type NodeAuthorizerServerOptions, nameLessSafeChoices } from "../../services/node-authorizer/options.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";

const SAFE: NodeAuthorizerServerOptions = {
  listen: "127.0.0.1:0",
  mode: "veto",
  featureGates: "",
  kubeconfig: "cluster.kubeconfig",
  tls: { certificateFile: "serving.crt", keyFile: "serving.key" },
  makeServing: () => Promise.reject(new Error("not asked for")),
  clientCaFile: "ca.crt",
  allowedClients: [],
  authority: "gatehouse.kubeconfig",
  stateDirectory: "state",
  requireCredentialId: false,
  logLevel: "info",
};

function saidOf(options: Partial<NodeAuthorizerServerOptions>): readonly unknown[] {
  const { logger, lines } = recordingLogger();
  nameLessSafeChoices({ ...SAFE, ...options }, logger);
  return lines.map(({ msg }) => msg);
}

test("nothing is said of what is safe", () => {
  expect(saidOf({})).toEqual([]);
  expect(saidOf({ kubeconfig: undefined, objects: "cluster.json" })).toEqual([]);
});

test.each([
  { name: "nobody's certificate is looked at", options: { clientCaFile: undefined }, says: /--client-ca/ },
  { name: "a certificate that nobody can verify", options: { tls: undefined }, says: /--tls-certificate/ },
  { name: "no revocations", options: { authority: undefined }, says: /--authority/ },
  {
    name: "an admission webhook that knows no cluster",
    options: { kubeconfig: undefined },
    says: /--kubeconfig.*admission/,
  },
])("$name is said", ({ options, says }) => {
  expect(saidOf(options)).toEqual([expect.stringMatching(says)]);
});
