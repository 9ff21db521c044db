import { expect, test } from "@jest/globals";
import type { ApiObject } from "../../../../services/certificate-authority/domain/api-object.ts";
import {
  jsonLineOf,
  messageOf,
  protobufOf,
  type Readers,
} from "../../../../services/certificate-authority/http/kubernetes-api/encoded-object.ts";

const object = (): ApiObject & object => ({
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequest",
  metadata: { name: "csr-1", uid: "1", resourceVersion: "7", creationTimestamp: "2026-11-22T00:00:00Z" },
});

test.each([
  { form: "JSON", encode: jsonLineOf },
  { form: "protobuf", encode: protobufOf },
])("$form for many is made once, and given to one reader too; for one it is made each time", ({ encode }) => {
  const [shared, single] = [object(), object()];
  const once = encode(shared, "many");
  expect((["many", "one"] satisfies Readers[]).map((readers) => encode(shared, readers) === once)).toEqual([
    true,
    true,
  ]);
  const first = encode(single, "one");
  expect([encode(single, "one") === first, encode(single, "one").equals(first)]).toEqual([false, true]);
  expect(once.equals(first)).toBe(true);
});

test("a list item is what the protobuf body holds, made once", () => {
  const listed = object();
  const message = messageOf(listed);
  expect(protobufOf(listed, "many").includes(Buffer.from(message))).toBe(true);
  expect(messageOf(listed)).toBe(message);
});
