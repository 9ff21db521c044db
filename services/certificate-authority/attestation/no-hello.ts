import { z } from "zod";

/** `hello` of attestors that need to know nothing for a challenge. */
export const noHello = z.strictObject({});
