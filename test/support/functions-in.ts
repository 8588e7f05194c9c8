import ts from "typescript";

/** Where a function begins, and how many lines it has. */
export interface FunctionLines {
  readonly line: number;
  readonly lines: number;
}

/** The functions in a file's code, with those inside of others. */
export function functionsIn(code: string): readonly FunctionLines[] {
  const file = ts.createSourceFile("code.ts", code, ts.ScriptTarget.Latest);
  const lineAt = (position: number): number => file.getLineAndCharacterOfPosition(position).line + 1;
  const found: FunctionLines[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const line = lineAt(node.getStart(file));
      found.push({ line, lines: lineAt(node.end) - line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
