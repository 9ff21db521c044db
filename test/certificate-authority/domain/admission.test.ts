import { expect, test } from "@jest/globals";
import { creationRefusal, signerAccess } from "../../../services/certificate-authority/domain/admission.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";
import { type FactsArguments, facts } from "../../builders/facts.ts";
import { CLIENT, CLIENT_KUBELET, SERVING_KUBELET } from "../../builders/request.ts";
import { bootstrapper, node, user } from "../../builders/users.ts";

const masters: FactsArguments = { subject: { commonName: "mallory", organization: ["a", "system:masters"] } };

interface Row {
  readonly name: string;
  readonly requester: UserInfo;
  readonly signer: string;
  readonly args: FactsArguments;
  readonly refused: boolean;
}

test.each<Row>([
  { name: "masters, any client", requester: user("alice"), signer: CLIENT, args: masters, refused: true },
  {
    name: "masters asking for masters",
    requester: user("alice", "system:masters"),
    signer: CLIENT,
    args: masters,
    refused: true,
  },
  {
    name: "our administrators, any client",
    requester: user("alice"),
    signer: CLIENT,
    args: { subject: { organization: ["gatehouse:administrators"] } },
    refused: true,
  },
  { name: "masters, another signer", requester: user("alice"), signer: "a.b/c", args: masters, refused: false },
  {
    name: "a group that only starts so",
    requester: user("alice"),
    signer: CLIENT,
    args: { subject: { organization: ["system:masters2"] } },
    refused: false,
  },

  { name: "a node for itself", requester: node("worker-1"), signer: CLIENT_KUBELET, args: {}, refused: false },
  { name: "a node for itself", requester: node("worker-1"), signer: SERVING_KUBELET, args: {}, refused: false },
  { name: "a node for another", requester: node("worker-2"), signer: CLIENT_KUBELET, args: {}, refused: true },
  { name: "a node for another", requester: node("worker-2"), signer: SERVING_KUBELET, args: {}, refused: true },
  { name: "a node, another signer", requester: node("worker-2"), signer: CLIENT, args: {}, refused: false },
  {
    name: "a node's name without the group",
    requester: user("system:node:worker-2"),
    signer: CLIENT_KUBELET,
    args: {},
    refused: false,
  },
  {
    name: "the group without a node's name",
    requester: user("alice", "system:nodes"),
    signer: CLIENT_KUBELET,
    args: {},
    refused: false,
  },
  { name: "a bootstrap token", requester: bootstrapper(), signer: CLIENT_KUBELET, args: {}, refused: false },
])("creationRefusal: $name ($signer)", ({ requester, signer, args, refused }) => {
  expect(creationRefusal(requester, signer, facts(args)) !== undefined).toBe(refused);
});

test("signerAccess: the signer, then its domain with a literal star", () => {
  const questions = signerAccess("approve", "example.com/a.b");
  expect(questions).toEqual([
    {
      kind: "resource",
      verb: "approve",
      group: "certificates.k8s.io",
      version: "*",
      resource: "signers",
      name: "example.com/a.b",
    },
    {
      kind: "resource",
      verb: "approve",
      group: "certificates.k8s.io",
      version: "*",
      resource: "signers",
      name: "example.com/*",
    },
  ]);
});
