// The node-authorizer within a program of yours: hand in what the cluster has, ask what a node may do.
// Run from a checkout after `npm run build`: node config/examples/node-authorizer-library.mjs
import { createNodeAuthorizer, objectRefOf } from "gatehouse/node-authorizer";

const authorizer = createNodeAuthorizer();

authorizer.replace("Pod", [
  {
    metadata: { namespace: "shop", name: "cart", uid: "1" },
    spec: { nodeName: "worker-1", volumes: [{ name: "keys", secret: { secretName: "payment" } }] },
  },
]);

/** Asks as the kubelet of a node would: get one secret. */
function mayRead(node, namespace, name) {
  return authorizer.explain({
    user: { username: `system:node:${node}`, groups: ["system:nodes"] },
    isResourceRequest: true,
    verb: "get",
    group: "",
    resource: "secrets",
    subresource: "",
    namespace,
    name,
    fieldSelector: [],
  });
}

const own = mayRead("worker-1", "shop", "payment");
console.log(`worker-1: ${own.verdict}, by ${own.path.map(({ kind, name }) => `${kind} ${name}`).join(" > ")}`);

const other = mayRead("worker-2", "shop", "payment");
console.log(`worker-2: ${other.verdict}, ${other.missing}`);

const before = authorizer.revision;
authorizer.apply({ kind: "Pod", type: "DELETED", object: { metadata: { namespace: "shop", name: "cart" } } });
for (const { change, node, object } of authorizer.changesSince(before).changes) {
  console.log(`${change} ${node}: ${object.kind} ${object.namespace}/${object.name}`);
}
console.log(
  `nodes that read it now: ${authorizer.nodesThatRead(objectRefOf("", "secrets", "shop", "payment")).length}`,
);
