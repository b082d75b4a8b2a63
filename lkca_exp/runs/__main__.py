from lkca_exp.cli.runs import main

if __name__ == "__main__":
    main()
