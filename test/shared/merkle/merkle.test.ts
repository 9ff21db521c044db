import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MerkleTree } from "../../../services/certificate-authority/ledger/merkle/tree.ts";
import { checkpointPublicKey, openCheckpoint, signCheckpoint } from "../../../services/shared/merkle/checkpoint.ts";
import { EMPTY_ROOT, isConsistent, leafHash, rootOfInclusion } from "../../../services/shared/merkle/hashing.ts";
import { naivePath, naiveProof, naiveRoot } from "./naive-tree.ts";

const leavesOf = (size: number) => Array.from({ length: size }, (_, index) => Buffer.from(`leaf ${index}`));
const LEAVES = leavesOf(1_100);

function treeOf(leaves: readonly Buffer[]): MerkleTree {
  const tree = new MerkleTree((index, count) => leaves.slice(index, index + count));
  while (tree.extend(leaves.length));
  return tree;
}

const TREE = treeOf(LEAVES);
const hex = (hashes: readonly Uint8Array[]) => hashes.map((each) => Buffer.from(each).toString("hex"));

test("the roots are those of RFC 6962, whatever the size", () => {
  expect(EMPTY_ROOT.toString("hex")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const size of [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 768, 1_024, 1_100]) {
    expect(TREE.root(size)).toEqual(naiveRoot(LEAVES.slice(0, size)));
  }
});

test("the known answers of Certificate Transparency's own tests", () => {
  const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
  const leaves = inputs.map((text) => Buffer.from(text, "hex"));
  expect(treeOf(leaves).root(8).toString("hex")).toBe(
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  );
});

const sizes = fc.integer({ min: 1, max: LEAVES.length });

test("property: inclusion proofs are those of RFC 6962, verify, and verify nothing else", () => {
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), (size, place, other) => {
      const leaves = LEAVES.slice(0, size);
      const index = place % size;
      const path = TREE.inclusion(index, size);
      expect(hex(path)).toEqual(hex(naivePath(index, leaves)));
      const root = TREE.root(size);
      const leaf = leafHash(LEAVES[index] ?? Buffer.of());
      expect(rootOfInclusion(leaf, index, size, path)).toEqual(root);
      const wrong = other % size;
      if (wrong !== index) expect(rootOfInclusion(leaf, wrong, size, path)).not.toEqual(root);
      expect(rootOfInclusion(leafHash(Buffer.from("forged")), index, size, path)).not.toEqual(root);
      if (path.length > 0) expect(rootOfInclusion(leaf, index, size, path.slice(1))).not.toEqual(root);
      expect(rootOfInclusion(leaf, index, size, [...path, root])).toBeUndefined();
    }),
    { numRuns: 150 },
  );
});

test("property: consistency proofs are those of RFC 6962, verify, and verify no rewritten log", () => {
  fc.assert(
    fc.property(sizes, sizes, (one, other) => {
      const [from, size] = [Math.min(one, other), Math.max(one, other)];
      const path = TREE.consistency(from, size);
      expect(hex(path)).toEqual(hex(naiveProof(from, LEAVES.slice(0, size))));
      const [older, newer] = [from, size].map((each) => ({ size: each, root: TREE.root(each) }));
      if (older === undefined || newer === undefined) throw new Error("two were given");
      expect(isConsistent(older, newer, path)).toBe(true);
      const rewritten = { size: from, root: naiveRoot([...LEAVES.slice(0, from - 1), Buffer.from("rewritten")]) };
      expect(isConsistent(rewritten, newer, path)).toBe(false);
      if (from < size) expect(isConsistent(newer, older, path)).toBe(false);
      if (path.length > 0) expect(isConsistent(older, newer, path.slice(0, -1))).toBe(false);
      expect(isConsistent(older, newer, [...path, newer.root])).toBe(false);
    }),
    { numRuns: 150 },
  );
});

test("every tree begins with the empty one, whose root is known", () => {
  const newer = { size: 9, root: TREE.root(9) };
  expect(isConsistent({ size: 0, root: EMPTY_ROOT }, newer, [])).toBe(true);
  expect(isConsistent({ size: 0, root: TREE.root(1) }, newer, [])).toBe(false);
});

test("hashes of another length prove nothing", () => {
  expect(rootOfInclusion(leafHash(Buffer.of()), 0, 2, [Buffer.of(1)])).toBeUndefined();
  expect(rootOfInclusion(leafHash(Buffer.of()), 2, 2, [])).toBeUndefined();
});

const { privateKey } = generateKeyPairSync("ed25519");
const KEY = checkpointPublicKey(privateKey);
const NOTE = signCheckpoint({ size: 9, root: TREE.root(9) }, privateKey);

test("a checkpoint says what was signed", () => {
  expect(openCheckpoint(NOTE, `${KEY}\n`)).toEqual({ size: 9, root: TREE.root(9) });
  const [origin, size, root, blank, signature] = NOTE.split("\n");
  expect([origin, size, root, blank]).toEqual(["gatehouse.dev/ledger", "9", TREE.root(9).toString("base64"), ""]);
  expect(signature).toMatch(/^\u2014 gatehouse\.dev\/ledger [A-Za-z0-9+/=]{92}$/);
});

const OTHER = checkpointPublicKey(generateKeyPairSync("ed25519").privateKey);

test.each([
  { name: "another key", note: NOTE, key: OTHER, message: "not signed by that key" },
  { name: "another size", note: NOTE.replace("\n9\n", "\n8\n"), key: KEY, message: "not signed by that key" },
  { name: "no signature", note: NOTE.split("\n\n")[0] ?? "", key: KEY, message: "no checkpoint" },
  { name: "a key that is none", note: NOTE, key: "ssh-ed25519 AAAA", message: "no public key of checkpoints" },
])("a checkpoint with $name is refused", ({ note, key, message }) => {
  expect(() => openCheckpoint(note, key)).toThrow(message);
});
