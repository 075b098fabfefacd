export declare function compileCache(modules: string): string | undefined;
