import { hostname } from "node:os";

/** A node is called as its machine unless somebody says otherwise. */
export function nodeNameOf({ nodeName }: { readonly nodeName?: string | undefined }): string {
  return (nodeName ?? hostname()).toLowerCase();
}
