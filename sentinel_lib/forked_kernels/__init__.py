"""Jupyter kernels that are ready at once, forked from a process that has done the heavy imports.

Starting Python and importing what a notebook needs takes seconds for every kernel. A ``KernelPool``
starts one *template* process that imports it once, and forks each kernel from it (on Linux; where
that is not possible, or fails, kernels are started as usual). When its block ends, however it ends,
no process and no file of the pool is left. Nothing here depends on the rest of the library.

    from nbclient import NotebookClient

    from sentinel_lib.forked_kernels.jupyter_manager import manager_of
    from sentinel_lib.forked_kernels.kernel_pool import KernelPool

    modules = [("pandas",), ("great_expectations",)]
    with KernelPool(Path.cwd(), modules, fork=True, on_fallback=print) as kernels:
        kernels.prestart(groups=1)  # returns at once; the kernel needs the first group only
        for notebook in notebooks:
            with kernels.kernel(expects_next=True) as kernel:
                NotebookClient(notebook, km=manager_of(kernel)).execute()
"""
