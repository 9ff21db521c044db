import { expect, test } from "@jest/globals";
import { createEvidenceSources } from "../../../../services/certificate-authority/approval/evidence/create-sources.ts";
import { nodeObjectSource } from "../../../../services/certificate-authority/approval/evidence/node-object.ts";
import type { NodeAddresses } from "../../../../services/certificate-authority/domain/node-addresses.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const NODES: Readonly<Record<string, readonly string[]>> = {
  "worker-1": ["10.0.0.1", "10.0.0.9", "worker-1"],
  "worker-2": ["10.0.0.2", "10.0.0.9"],
};

function fakeNodes() {
  const asked: string[] = [];
  const nodes: NodeAddresses = {
    async addressesOf(nodeName) {
      asked.push(nodeName);
      if (nodeName === "broken") throw new Error("no connection");
      return NODES[nodeName];
    },
    othersWith: (name, nodeName) =>
      Object.keys(NODES).filter((other) => other !== nodeName && NODES[other]?.includes(name)),
    isGone: (nodeName) => NODES[nodeName] === undefined,
    close: () => void asked.push("closed"),
  };
  return { nodes, asked };
}

test.each([
  { node: "worker-1", name: "10.0.0.1", isShown: true, says: "the Node has it" },
  { node: "worker-1", name: "worker-1", isShown: true, says: "the Node has it" },
  { node: "worker-1", name: "10.0.0.2", isShown: false, says: "does not have it" },
  { node: "worker-1", name: "10.0.0.9", isShown: false, says: 'Node "worker-2" has it as well' },
  { node: "worker-3", name: "10.0.0.1", isShown: false, says: "no such Node" },
])("nodeObject: $name of node $node: $isShown, $says", async ({ node, name, isShown, says }) => {
  const answer = await nodeObjectSource(fakeNodes().nodes).show(node, { kind: "ip", name });
  expect(answer).toMatchObject({ isShown, says: expect.stringContaining(says), ...(isShown && { isExact: false }) });
});

test("nodeObject: the names of one request cost one question, and a failure is not remembered", async () => {
  const { nodes, asked } = fakeNodes();
  const source = nodeObjectSource(nodes);
  const ask = async (node: string, name: string) => source.show(node, { kind: "ip", name });
  await Promise.all(["10.0.0.1", "10.0.0.2", "10.0.0.9"].map((name) => ask("worker-1", name)));
  expect(asked).toEqual(["worker-1"]);
  await expect(ask("broken", "10.0.0.1")).rejects.toThrow("no connection");
  await expect(ask("broken", "10.0.0.1")).rejects.toThrow("no connection");
  expect(asked).toEqual(["worker-1", "broken", "broken"]);
  expect([source.isGone?.("worker-1"), source.isGone?.("worker-3")]).toEqual([false, true]);
  source.close?.();
  expect(asked.at(-1)).toBe("closed");
});

test("nodeObject: cannot be asked where no cluster is", async () => {
  const settings = [{ nodeObject: { kubeconfigFile: "none", timeoutSeconds: 1 } }];
  const [source] = createEvidenceSources(settings, {
    logger: recordingLogger().logger,
    attestations: { bindingOf: () => undefined },
  });
  await expect(source?.show("worker-1", { kind: "ip", name: "10.0.0.1" })).rejects.toThrow("no cluster is asked here");
});
