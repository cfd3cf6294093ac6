// Tells the compiler what its own language has no words for: the contract's names of the exported functions, and that texts are
// UTF-16. `npm run build` and `trimtab policy build` load it as a transform.

import { Transform } from "assemblyscript/transform";
import { functions } from "./bindings/contract.mjs";

export default class extends Transform {
  afterCompile(module) {
    for (const [door, { name }] of Object.entries(functions)) {
      module.removeExport(door);
      module.addFunctionExport(`assembly/index/${door}`, name);
      // What the host calls once it has read the answer.
      module.addFunctionExport("trimtab/memory/done", `cabi_post_${name}`);
    }
    for (const [door, name] of [
      ["reallocate", "cabi_realloc"],
      ["done", null],
    ]) {
      module.removeExport(door);
      if (name !== null) module.addFunctionExport(`trimtab/memory/${door}`, name);
    }
    module.addCustomSection("trimtab:string-encoding", new TextEncoder().encode("utf16"));
  }
}
